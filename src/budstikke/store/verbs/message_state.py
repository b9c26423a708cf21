"""How a message stands, and which messages an order has, as parts of statements."""

from __future__ import annotations

OF_ORDER = """(
    SELECT * FROM message WHERE id = :order AND order_id = :order
    UNION ALL SELECT * FROM message WHERE order_id = :order AND order_id <> id) m"""
"""The messages of an order: a single message has its order's id."""


def message_state(parts: str = "") -> str:
    """
    Write the state of a message ``m``: ``sent`` when no part is left to be sent.

    ``parts`` restricts the ids of its parts ``p``, so that partitions are left out.
    """
    return f"""CASE WHEN m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 {parts}
        AND p.state IN ('queued', 'sending', 'unsure')) THEN 'sent' ELSE m.state END"""
