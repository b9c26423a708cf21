"""An order may say where its delivery reports go: its messages keep the URL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("message", sa.Column("callback_url", sa.Text()))
