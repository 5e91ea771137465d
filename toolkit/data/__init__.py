"""Tables, labels, splits, and predictions read back: what comes in and what is counted."""
