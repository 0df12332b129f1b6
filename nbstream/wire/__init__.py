"""What travels between the kernel and a page."""
