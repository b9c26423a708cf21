"""
The statements of the message path.

Each takes a batch as one JSON value; ``v->>n`` is column n of a row of the batch, in
the order of the structs in ``store.contract`` and ``domain``. Rows come back as one
JSON value, too. Rows that a verb decides about are locked first, parts before messages
and by id, so that nodes that meet wait for one another and do not lock each other out.

``low`` is the beginning of a partition: what is meant is not below, and PostgreSQL does
not look at the partitions that are (layout.Lows).
"""

from __future__ import annotations

_KINDS = {
    "i": "::bigint",
    "n": "::integer",
    "f": "::float8",
    "b": "::boolean",
    "t": "",
}
"""What a letter stands for in ``columns``."""


def columns(kinds: str, start: int = 0) -> str:
    """Write the columns of a batch's rows, by the letters of their kinds."""
    return ", ".join(
        f"(v->>{place}){_KINDS[kind]}" for place, kind in enumerate(kinds, start)
    )


def batch(parameter: str = "$1") -> str:
    """Write the rows of a batch, with their places from 0, as a table ``j``."""
    return (
        f"(SELECT v, place - 1 AS place FROM jsonb_array_elements({parameter}::jsonb)"
        " WITH ORDINALITY AS a (v, place)) j"
    )


def ids(parameter: str = "$1") -> str:
    """Write a batch that is a list of ids as an array."""
    return (
        "ARRAY(SELECT v::bigint FROM"
        f" jsonb_array_elements_text({parameter}::jsonb) AS a (v))"
    )


ROWS = batch()
IDS = ids()

LOCKED_KEYS = "SELECT key, until FROM duplicate WHERE until > $1"

# look-ups


def state(within: str) -> str:
    """
    Write how a message stands: one that has left whole is ``sent``.

    ``within`` says more of the ids of its parts ``p``, so that partitions are left out.
    """
    return f"""CASE WHEN m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND {within}
        AND p.state IN ('queued', 'sending', 'unsure')) THEN 'sent' ELSE m.state END"""


MESSAGES = f"""
SELECT json_agg(json_build_array(m.id, m.access_id, m.recipient, m.ref, m.segments,
    {state("p.id >= $2::bigint * 256")}, m.reason, m.raw, m.accepted_at, m.final_at))
FROM unnest({IDS}) AS j (v) JOIN message m ON m.id = j.v AND m.id >= $2"""
