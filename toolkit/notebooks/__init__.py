"""The runner: executes a stage's notebook with papermill so that it ends well, or fails clearly and leaves no trace.

A run is three processes. The runner (``toolkit run``) knows papermill and the messages. The guard owns the kernel:
it outlives the runner for the blink that it takes to kill all that the run has started. The kernel executes cells.
"""
