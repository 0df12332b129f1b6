"""One run: what drives it, what people hold, what it may cost."""
