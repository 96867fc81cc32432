"""Watch the timeline: whose history this database tells, and what workers were told, so that a step back is noticed."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A role may be denied these functions one by one: what it may not read is null, and nothing else fails with it.
# An expression of plpgsql asks for its privileges when it is reached, one of SQL when the statement begins.
# The counter is the position up to which the log is flushed: no crash takes it back, and reading it writes nothing.
SERVER_FACTS = """
    create function easyflow.server_facts(out standby boolean, out system_identifier bigint, out timeline_id integer,
                                          out database_oid bigint, out commit_counter bigint)
    language plpgsql as $$
    begin
        standby := pg_is_in_recovery();
        database_oid := (select d.oid from pg_database as d where d.datname = current_database());
        if has_function_privilege('pg_control_system()', 'execute') then
            system_identifier := (select c.system_identifier from pg_control_system() as c);
        end if;
        if standby then
            return;
        end if;
        if has_function_privilege('pg_current_wal_flush_lsn()', 'execute') then
            commit_counter := pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0');
            if has_function_privilege('pg_walfile_name(pg_lsn)', 'execute') then
                timeline_id := ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::integer;
            end if;
        end if;
    end
    $$
"""

# One row, written by the first worker that sees the database: a copy made before is nobody's past.
TIMELINE = """
    create table easyflow.timeline (
        only_row boolean primary key default true check (only_row),
        lineage uuid not null default gen_random_uuid(),
        version integer not null default 1,
        epoch integer not null default 1,
        state text not null default 'watching' check (state in ('watching', 'tripped', 'releasing')),
        system_identifier bigint,
        timeline_id integer,
        database_oid bigint not null,
        commit_counter bigint,
        watched_since timestamptz not null,
        seen_at timestamptz not null,
        tripped_at timestamptz,
        tripped_by text,
        differences text[] not null default '{}',
        found_system_identifier bigint,
        found_timeline_id integer,
        found_database_oid bigint,
        found_commit_counter bigint,
        released_at timestamptz,
        released_by text,
        reason text,
        lost_from timestamptz,
        lost_until timestamptz,
        parked bigint not null default 0,
        check ((lost_from is null) = (lost_until is null)),
        check (lost_from <= lost_until)
    ) with (fillfactor = 50)
"""

# What each worker was told was committed. One that is missing was committed once, and is no more.
WITNESSES = """
    create table easyflow.timeline_witnesses (
        worker_id uuid primary key,
        beats bigint not null,
        beat_at timestamptz not null
    ) with (fillfactor = 50)
"""

KEY_WINDOWS = "alter table easyflow.tasks add column key_window_seconds double precision"


def upgrade() -> None:
    """Expand: the release before this one must still run on the result."""
    op.execute("set local lock_timeout = '2s'")
    op.execute(SERVER_FACTS.replace(":", r"\:"))
    op.execute(TIMELINE)
    op.execute(WITNESSES)
    op.execute(KEY_WINDOWS)


def downgrade() -> None:
    """Take back exactly what upgrade added."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("alter table easyflow.tasks drop column key_window_seconds")
    op.execute("drop table easyflow.timeline_witnesses")
    op.execute("drop table easyflow.timeline")
    op.execute("drop function easyflow.server_facts()")
