"""Pages of an account's messages, and of the numbers that want nothing from it."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("message_account", ["account_id", "id"], unique=False)

    with op.batch_alter_table("suppression", schema=None) as batch_op:
        batch_op.create_index(
            "suppression_account", ["account_id", "number"], unique=False
        )
