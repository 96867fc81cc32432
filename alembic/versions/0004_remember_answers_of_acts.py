"""Remember answers of acts: an act that is asked again under its idempotency key gets the answer it got before."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("alter table easyflow.idempotency_keys add column answer jsonb")


def downgrade() -> None:
    """Take back exactly what upgrade added; keys of acts say nothing without their answers, and go with them."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("delete from easyflow.idempotency_keys where kind = 'act'")
    op.execute("alter table easyflow.idempotency_keys drop column answer")
