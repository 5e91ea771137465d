"""Leaks between splits: each check looks for one kind, and shows what it found."""
