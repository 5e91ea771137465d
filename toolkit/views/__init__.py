"""Tables and plots over what the rest of the package computes; no logic of their own."""
