"""Several streams at once."""
