"""Models that call tools, and workflows of them."""
