"""Parts of statements: the state of a message, and the messages of an order."""

from __future__ import annotations

OF_ORDER = """(
    SELECT * FROM message WHERE id = :order AND order_id = :order
    UNION ALL SELECT * FROM message WHERE order_id = :order AND order_id <> id) m"""
"""An order's messages; the id of a single message is its order's."""


def message_state(parts: str = "") -> str:
    """
    Write the state of a message ``m``: ``sent`` if no part waits to be sent.

    ``parts`` restricts the ids of its parts ``p``, to skip partitions.
    """
    return f"""CASE WHEN m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 {parts}
        AND p.state IN ('queued', 'sending', 'unsure')) THEN 'sent' ELSE m.state END"""
