"""
Customers order SMS on credit only where an account says so.

50,000 a day was every account's ceiling unless a file said otherwise: it is 0 now. An
account whose file does say 50,000 gets it again when the file is applied.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("UPDATE account SET order_ceiling = 0 WHERE order_ceiling = 50000")
