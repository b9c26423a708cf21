"""For how long a node holds what it works on, and a key its answer."""

LEASE = 120.0
"""Seconds in which a callback is called, or becomes due again."""

ALERT_LEASE = 300.0
"""Seconds in which a node mails that a queue is paused; a mail takes 120 at most."""

KEEP_KEYS = 86400.0
"""Seconds in which a request with the same idempotency key gets the same answer."""
