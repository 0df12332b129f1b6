"""Models by provider, and the registry of their names."""
