"""I/O out to customers: what carries callbacks."""
