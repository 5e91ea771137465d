"""Reference profile, drift tests and drift alarms on counts. NumPy only: this goes into the container."""
