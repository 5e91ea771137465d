"""The prediction service: the packaged model, strict requests, a log and metrics. Runs on the lean lock alone."""
