"""A run as html, markdown and text that need no kernel. Pure."""
