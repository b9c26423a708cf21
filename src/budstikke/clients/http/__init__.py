"""HTTP to customers' servers: callbacks, and look-ups in a number directory."""
