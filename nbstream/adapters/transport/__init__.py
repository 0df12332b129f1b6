"""HTTP, framing, time limits and what goes wrong on the way."""
