"""Archives: written with all they need, opened as data."""
