"""What already streams: objects that people hold, addresses, recordings."""
