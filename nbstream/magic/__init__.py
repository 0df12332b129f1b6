"""`%%stream` and `%stream`."""
