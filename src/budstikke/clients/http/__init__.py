"""HTTP requests to customers' servers: callbacks, and look-ups of numbers."""
