"""One provider or framework a file: payload -> events."""
