"""${message}."""

from __future__ import annotations

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    ${upgrades if upgrades else ""}


def downgrade() -> None:
    """Take back exactly what upgrade added."""
    op.execute("set local lock_timeout = '2s'")
    ${downgrades if downgrades else ""}
