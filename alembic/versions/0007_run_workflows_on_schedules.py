"""Run workflows on schedules: what is due when, and what became of each slot."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# `at`: the one time, or where an interval begins. `next_slot` is null when nothing more comes.
SCHEDULES = """
    create table easyflow.schedules (
        name text primary key,
        workflow text not null,
        input jsonb not null,
        tags text[] not null default '{}',
        cron text,
        zone text,
        every_seconds integer check (every_seconds > 0),
        at timestamptz,
        overlap text not null check (overlap in ('skip', 'queue', 'allow', 'cancel')),
        catch_up text not null check (catch_up in ('none', 'last', 'all')),
        catch_up_limit integer not null check (catch_up_limit between 1 and 1000),
        paused boolean not null default false,
        paused_reason text,
        version integer not null default 1,
        next_slot timestamptz,
        last_slot timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        check ((cron is null) = (zone is null)),
        check (num_nonnulls(cron, at) = 1),
        check (every_seconds is null or at is not null)
    ) with (fillfactor = 80)
"""
SCHEDULES_DUE = "create index schedules_due on easyflow.schedules (next_slot) where not paused"

# A row for each slot that was decided about; a missed one stands for `slots` of them (null: more than were counted),
# up to `last_slot`. Another may follow it: what was skipped, missed or refused can be backfilled.
SLOTS = """
    create table easyflow.schedule_slots (
        id bigint generated always as identity primary key,
        schedule text not null references easyflow.schedules on delete cascade,
        slot timestamptz not null,
        last_slot timestamptz,
        slots bigint,
        at timestamptz not null,
        run_id uuid,
        backfill boolean not null default false,
        outcome text not null
            check (outcome in ('queued', 'started', 'backfilled', 'skipped', 'missed', 'refused')),
        detail text,
        check ((run_id is not null) = (outcome in ('started', 'backfilled'))),
        check ((last_slot is not null) = (outcome = 'missed'))
    )
"""
SLOT_INDEXES = (
    # One run for each slot, whoever starts it: the guard, not a help to find it.
    """create unique index schedule_slots_one_run on easyflow.schedule_slots (schedule, slot)
       where outcome in ('queued', 'started', 'backfilled')""",
    "create index schedule_slots_waiting on easyflow.schedule_slots (schedule, slot) where outcome = 'queued'",
    "create index schedule_slots_schedule on easyflow.schedule_slots (schedule, id)",
)
LIVE_RUNS = """
    create index runs_schedule_live on easyflow.runs (schedule, id) where schedule is not null and finished_at is null
"""


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    for made in (SCHEDULES, SCHEDULES_DUE, SLOTS, *SLOT_INDEXES, LIVE_RUNS):
        op.execute(made)


def downgrade() -> None:
    """Take back exactly what upgrade added: schedules are lost, the runs they started go on."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("drop index easyflow.runs_schedule_live")
    op.execute("drop table easyflow.schedule_slots")
    op.execute("drop table easyflow.schedules")
