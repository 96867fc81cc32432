"""Keep an effect ledger: intents and results of what handlers do outside, and attempts that end in doubt."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARTITIONS = Path(__file__).parent.parent / "baseline" / "5_partitions.sql"
OLD_PARENTS = "array['jobs', 'finished', 'attempts', 'results']"
NEW_PARENTS = "array['jobs', 'finished', 'attempts', 'results', 'effects']"

# One row for each effect a job asked for, by its place in the handler; the key stays the same for the same request.
EFFECTS = """
    create table easyflow.effects (
        job_id uuid not null,
        ordinal integer not null check (ordinal > 0),
        lease_no bigint not null,
        tries integer not null default 1,
        claim_token uuid not null,
        opened_at timestamptz not null,
        closed_at timestamptz,
        repeat_until timestamptz,
        state text not null check (state in ('open', 'happened', 'did_not_happen')),
        effects text not null check (effects in ('keyed', 'queryable', 'unsafe')),
        name text not null,
        key text not null,
        request_hash bytea not null,
        closed_by text,
        note text,
        result jsonb,
        primary key (job_id, ordinal),
        check ((state = 'open') = (closed_at is null))
    ) partition by range (job_id)
"""

# A day of the ledger is looked up by job and ordinal from its first row on: it is born as wide as a day of jobs.
BEFORE_INDEXES = "            -- The primary key comes last"
WIDEN_EFFECTS = """\
            if parent = 'effects' then
                call easyflow.widen(format('easyflow.%I', child)::regclass,
                    '(job_id, ordinal, lease_no, claim_token, opened_at, state, effects, name, key, request_hash)'
                    ' select gen_random_uuid(), 1, 0, gen_random_uuid(), ''epoch'', ''open'', ''unsafe'', '''','
                    ' repeat(''x'', 400), '''' from generate_series(1, 1200)');
            end if;
"""

# A day made by LIKE has the rule as its own besides the one it inherits: both go.
OLD_OUTCOMES = """
    do $$
    declare
        day regclass;
    begin
        alter table easyflow.attempts drop constraint attempts_outcome_check;
        for day in select inhrelid::regclass from pg_inherits where inhparent = 'easyflow.attempts'::regclass loop
            execute format('alter table %s drop constraint if exists attempts_outcome_check', day);
        end loop;
    end $$
"""

# NOT VALID: rows written before satisfy the narrower rule they were written under, and need not be read again.
OUTCOMES = """
    alter table easyflow.attempts add constraint attempts_outcome_check check (outcome in (%s)) not valid
"""
BEFORE = ("succeeded", "failed", "retried", "snoozed", "handed_back", "cancelled", "lost", "unstarted")

EFFECTS_OF_EACH_DAY = """
    select easyflow.create_partitions(d.first_day, d.last_day - d.first_day + 1)
    from (select min(to_date(right(c.relname, 8), 'YYYYMMDD')) as first_day,
                 max(to_date(right(c.relname, 8), 'YYYYMMDD')) as last_day
          from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
          where i.inhparent = 'easyflow.jobs'::regclass) as d
"""


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    op.execute(EFFECTS)
    op.execute(_create_partitions(NEW_PARENTS, WIDEN_EFFECTS))
    op.execute(EFFECTS_OF_EACH_DAY)
    op.execute(OLD_OUTCOMES)
    op.execute(_outcomes((*BEFORE, "in_doubt")))


def downgrade() -> None:
    """Take back exactly what upgrade added; attempts that ended in doubt are then told as failed."""
    op.execute("set local lock_timeout = '2s'")
    op.execute(OLD_OUTCOMES)
    op.execute("update easyflow.attempts set outcome = 'failed' where outcome = 'in_doubt'")
    op.execute(_outcomes(BEFORE))
    op.execute(_create_partitions(OLD_PARENTS))
    op.execute("drop table easyflow.effects")


def _outcomes(words: tuple[str, ...]) -> str:
    return OUTCOMES % ", ".join(f"'{word}'" for word in words)


def _create_partitions(parents: str, more: str = "") -> str:
    """Return the statement that makes the function again, with these tables to part by day, and `more` for each."""
    (made,) = [each for each in PARTITIONS.read_text().split(";\n\n") if "function easyflow.create_partitions" in each]
    function = made[made.index("create function") :].replace("create function", "create or replace function", 1)
    assert BEFORE_INDEXES in function
    return function.replace(OLD_PARENTS, parents).replace(BEFORE_INDEXES, more + BEFORE_INDEXES).replace(":", r"\:")
