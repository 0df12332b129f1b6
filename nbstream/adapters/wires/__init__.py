"""Wire formats, one a file, and what they share."""
