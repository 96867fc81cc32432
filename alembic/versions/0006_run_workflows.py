"""Run workflows: immutable definitions, their runs with every step, items of maps, and signals."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WORKFLOWS = """
    create table easyflow.workflows (
        name text not null,
        version integer not null check (version > 0),
        digest bytea not null,
        definition jsonb not null,
        created_at timestamptz not null,
        created_by text not null,
        primary key (name, version),
        unique (name, digest)
    )
"""

# Whatever changes a run holds this row. `started_at` is null while it queues behind the run that has its key;
# `stopping` is what it ends as once its jobs have stopped, by an operator's word or at its deadline; `children` holds
# the versions of the workflows it may start, as they were the newest when it was started.
RUNS = """
    create table easyflow.runs (
        id uuid primary key,
        created_at timestamptz not null,
        started_at timestamptz,
        finished_at timestamptz,
        deadline_at timestamptz,
        slot timestamptz,
        version integer not null,
        parent_step smallint,
        compensates boolean not null default true,
        compensated boolean not null default false,
        state text not null check (state in
            ('RUNNING', 'PAUSED', 'COMPENSATING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
        stopping text check (stopping in ('CANCELLED', 'FAILED')),
        workflow text not null,
        key text,
        parent_run uuid,
        schedule text,
        reason text,
        digest bytea not null,
        children jsonb,
        input jsonb not null,
        output jsonb,
        foreign key (workflow, version) references easyflow.workflows (name, version),
        check ((finished_at is null) = (state in ('RUNNING', 'PAUSED', 'COMPENSATING')))
    ) with (fillfactor = 80)
"""
RUN_INDEXES = (
    # One live run for each key: the guard, not a help to find it.
    """create unique index runs_key on easyflow.runs (workflow, key)
       where key is not null and started_at is not null and finished_at is null""",
    "create index runs_queued on easyflow.runs (workflow, key, id) where started_at is null and finished_at is null",
    "create index runs_deadline on easyflow.runs (deadline_at) where finished_at is null and deadline_at is not null",
    "create index runs_workflow on easyflow.runs (workflow, id)",
    "create index runs_state on easyflow.runs (state, id) where state <> 'SUCCEEDED'",
    "create index runs_stopping on easyflow.runs (id) where stopping is not null and finished_at is null",
    "create index runs_by_key on easyflow.runs (key, id) where key is not null",
    "create index runs_parent on easyflow.runs (parent_run) where parent_run is not null",
    "create unique index runs_slot on easyflow.runs (schedule, slot) where schedule is not null",
)
RUN_TAGS = """
    create table easyflow.run_tags (
        tag text not null,
        run_id uuid not null,
        primary key (tag, run_id)
    )
"""
TAGS_OF_RUN = "create index run_tags_run on easyflow.run_tags (run_id)"

# A step that has no row here is BLOCKED. `result` is that of a step without a job. A map counts its items, and knows
# how far it has come in its source: the items emitted under a lease, or, as a map follows a map, those it left.
STEPS = """
    create table easyflow.run_steps (
        run_id uuid not null,
        step_no smallint not null,
        released_at timestamptz not null,
        finished_at timestamptz,
        due_at timestamptz,
        items bigint,
        made bigint,
        succeeded bigint,
        failed bigint,
        source_lease bigint,
        source_item bigint,
        concurrency integer,
        tolerated_failures bigint,
        tolerated_percent double precision,
        state text not null check (state in ('RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')),
        job_id uuid,
        child_run uuid,
        compensation text check (compensation in ('RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
        compensation_job uuid,
        reason text,
        result jsonb,
        primary key (run_id, step_no),
        check ((finished_at is null) = (state in ('RUNNING', 'WAITING')))
    ) with (fillfactor = 70, vacuum_truncate = off)
"""
STEP_INDEXES = (
    "create index run_steps_due on easyflow.run_steps (due_at) where state = 'WAITING' and due_at is not null",
    "create index run_steps_child on easyflow.run_steps (child_run) where state = 'WAITING' and child_run is not null",
)

# What a step hands to a map: the items of a list, or those an attempt of its job emitted under that lease.
ITEMS = """
    create table easyflow.run_items (
        run_id uuid not null,
        step_no smallint not null,
        lease_no bigint not null,
        item_no bigint not null,
        item jsonb not null,
        primary key (run_id, step_no, lease_no, item_no)
    ) with (vacuum_truncate = off)
"""
OUTCOMES = """
    create table easyflow.run_outcomes (
        run_id uuid not null,
        step_no smallint not null,
        item_no bigint not null,
        job_id uuid,
        state text not null check (state in ('SUCCEEDED', 'FAILED', 'CANCELLED')),
        reason text,
        result jsonb,
        primary key (run_id, step_no, item_no)
    ) with (vacuum_truncate = off)
"""
FAILED_OUTCOMES = """
    create index run_outcomes_failed on easyflow.run_outcomes (run_id, step_no, item_no) where state <> 'SUCCEEDED'
"""

# One answer for each signal of a run: one that comes early is kept, a second is refused.
SIGNALS = """
    create table easyflow.run_signals (
        run_id uuid not null,
        name text not null,
        at timestamptz not null,
        actor text not null,
        value jsonb not null,
        primary key (run_id, name)
    )
"""
EVENTS = """
    create table easyflow.run_events (
        id bigint generated always as identity primary key,
        run_id uuid not null,
        at timestamptz not null,
        step_no smallint,
        kind text not null,
        actor text not null,
        reason text,
        detail jsonb
    )
"""
EVENTS_OF_RUN = "create index run_events_run on easyflow.run_events (run_id, id)"

# `part`: null for the job of a plain step, the number of its first item for a job of a map, -1 for a compensation.
JOBS = """
    alter table easyflow.jobs
        add column run_id uuid, add column step_no smallint, add column part bigint, add column items integer
"""
# Partial, so that no look-up of a job by its id can be planned over it instead of over the primary key.
JOBS_OF_RUN = "create index jobs_run on easyflow.jobs (run_id, step_no, id) where run_id is not null"

# Born wide, so that plans made while they are empty use their indexes, as with the tables of tickets.
WIDE = (
    """call easyflow.widen('easyflow.run_steps', '(run_id, step_no, released_at, state, reason)'
       ' select gen_random_uuid(), 0, ''epoch'', ''RUNNING'', repeat(''x'', 200) from generate_series(1, 2500)')""",
    """call easyflow.widen('easyflow.run_items', '(run_id, step_no, lease_no, item_no, item)'
       ' select gen_random_uuid(), 0, 0, 0, to_jsonb(repeat(''x'', 200)) from generate_series(1, 2500)')""",
    """call easyflow.widen('easyflow.run_outcomes', '(run_id, step_no, item_no, state, reason)'
       ' select gen_random_uuid(), 0, 0, ''FAILED'', repeat(''x'', 200) from generate_series(1, 2500)')""",
)

TABLES = ("run_events", "run_signals", "run_outcomes", "run_items", "run_steps", "run_tags", "runs", "workflows")


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    for made in (WORKFLOWS, RUNS, *RUN_INDEXES, RUN_TAGS, TAGS_OF_RUN, STEPS, *STEP_INDEXES, ITEMS, OUTCOMES):
        op.execute(made)
    for made in (FAILED_OUTCOMES, SIGNALS, EVENTS, EVENTS_OF_RUN, JOBS, JOBS_OF_RUN):
        op.execute(made)


def downgrade() -> None:
    """Take back exactly what upgrade added: runs are lost, and what runs of their jobs ends as jobs of no run."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("drop index easyflow.jobs_run")
    op.execute("alter table easyflow.jobs drop column run_id, drop column step_no, drop column part, drop column items")
    for name in TABLES:
        op.execute(f"drop table easyflow.{name}")
