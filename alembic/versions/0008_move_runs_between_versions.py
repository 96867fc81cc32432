"""Move runs between versions: each step keeps the number by which everything names it."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# At each number the name of the run's step, null for one that is gone; no list: the places in its definition.
NUMBERS = "alter table easyflow.runs add column numbers jsonb"


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    op.execute(NUMBERS)


def downgrade() -> None:
    """Take back exactly what upgrade added: runs that have moved are then read by the places in their definitions."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("alter table easyflow.runs drop column numbers")
