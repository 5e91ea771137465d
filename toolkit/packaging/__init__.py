"""From a validated model to a Bento that serves it, with its lineage inside."""
