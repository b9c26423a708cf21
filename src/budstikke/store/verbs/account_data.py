"""What customers change of their own data."""

from __future__ import annotations

from budstikke.store.verbs.statement import statement

# Opt-outs are part of the directory: whoever holds it reads it again.
TOUCH = statement("""
UPDATE meta SET value = (value::bigint + 1)::text WHERE key = 'revision'""")
