"""Lengths of leases, and how long an idempotency key keeps its answer."""

LEASE = 120.0
"""Seconds in which a node makes a callback, or it becomes due again."""

ALERT_LEASE = 300.0
"""Seconds in which a node mails a paused queue's alert; a mail takes 120 at most."""

KEEP_KEYS = 86400.0
"""Seconds in which a request with the same idempotency key gets the same answer."""
