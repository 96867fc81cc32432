-- A job's ticket is in exactly one of ready, leases, parked, finished. It moves by delete and insert in one
-- statement; a row of ready is never updated, and ready is never partitioned: the claim deletes by ctid.

create sequence easyflow.ready_seq;

create sequence easyflow.blocked_seq;

create table easyflow.ready (
    job_id uuid not null unique,
    ready_seq bigint not null default nextval('easyflow.ready_seq'),
    ready_at timestamptz not null,
    lease_no bigint not null default 0,
    retry_count integer not null default 0,
    losses integer not null default 0,
    unstarted integer not null default 0,
    replay_no integer not null default 0,
    revision integer not null default 0,
    priority smallint not null,
    lane smallint not null check (lane in (0, 1)),
    ordered boolean,
    queue text not null,
    task text not null,
    key text,
    primary key (queue, priority, lane, ready_seq)
) with (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);

create index ready_key on easyflow.ready (queue, key, ordered) where key is not null;

create table easyflow.leases (
    job_id uuid primary key,
    claim_token uuid not null,
    claim_id uuid not null,
    executor_id uuid not null,
    claimed_at timestamptz not null,
    lease_no bigint not null,
    retry_count integer not null,
    losses integer not null,
    unstarted integer not null,
    replay_no integer not null,
    revision integer not null,
    priority smallint not null,
    ordered boolean,
    cancel_requested boolean not null default false,
    queue text not null,
    task text not null,
    key text
) with (vacuum_truncate = off, fillfactor = 90, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1,
        autovacuum_vacuum_cost_delay = 0);

create index leases_executor on easyflow.leases (executor_id);

create index leases_queue on easyflow.leases (queue);

create index leases_key on easyflow.leases (queue, key, ordered) where key is not null;

create index leases_cancel on easyflow.leases (executor_id) where cancel_requested;

create table easyflow.parked (
    job_id uuid not null,
    parked_at timestamptz not null,
    run_at timestamptz,
    blocked_seq bigint,
    lease_no bigint not null default 0,
    retry_count integer not null default 0,
    losses integer not null default 0,
    unstarted integer not null default 0,
    replay_no integer not null default 0,
    revision integer not null default 0,
    priority smallint not null,
    ordered boolean,
    holds_key boolean not null default false,
    state text not null check (state in ('SCHEDULED', 'BLOCKED', 'WAITING', 'IN_DOUBT')),
    queue text not null,
    task text not null,
    key text,
    check ((state = 'SCHEDULED') <= (run_at is not null)),
    check ((state = 'BLOCKED') <= (blocked_seq is not null or key is null)),
    check ((key is not null) <= (ordered is not null)),
    check (holds_key <= (key is not null))
) with (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

create index parked_scheduled on easyflow.parked (run_at, job_id) where state = 'SCHEDULED';

create index parked_blocked on easyflow.parked (queue, key, ordered, blocked_seq)
    where state = 'BLOCKED' and key is not null;

create index parked_holds_key on easyflow.parked (queue, key, ordered) where holds_key;

create index parked_state on easyflow.parked (state, job_id);

-- Last, as with partitions: of two indexes of equal cost the planner takes the younger one.
alter table easyflow.parked add primary key (job_id);

-- One picture of one job: where its ticket is. Lists never join this view; they find a page of ids first.
create view easyflow.job_states as
    select job_id, 'READY' as state, task, queue, priority, key, ordered, lease_no, retry_count, losses, unstarted,
           replay_no, revision, ready_at as since, null::timestamptz as run_at, null::timestamptz as finished_at
    from easyflow.ready
    union all
    select job_id, 'RUNNING', task, queue, priority, key, ordered, lease_no, retry_count, losses, unstarted,
           replay_no, revision, claimed_at, null, null
    from easyflow.leases
    union all
    select job_id, state, task, queue, priority, key, ordered, lease_no, retry_count, losses, unstarted,
           replay_no, revision, parked_at, run_at, null
    from easyflow.parked
    union all
    select job_id, state, task, queue, priority, key, ordered, lease_no, retry_count, losses, unstarted,
           replay_no, revision, finished_at, null, finished_at
    from easyflow.finished;
