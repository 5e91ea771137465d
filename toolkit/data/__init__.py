"""From a raw table and labels to split, checked tables that a model can be trained on."""
