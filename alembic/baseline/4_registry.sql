-- What exists around the jobs: queues, keys, tasks, workers and their executors, idempotency keys, dead letters, audit.

create table easyflow.queues (
    name text primary key,
    paused boolean not null default false,
    concurrency integer check (concurrency > 0),
    concurrency_per_key integer not null default 1 check (concurrency_per_key > 0),
    version integer not null default 1,
    updated_at timestamptz not null default easyflow.clock()
);

-- One row per key in use; admission locks it. Rows of keys without tickets are removed by housekeeping.
create table easyflow.keys (
    queue text not null,
    key text not null,
    ordered boolean not null,
    primary key (queue, key, ordered)
);

create table easyflow.tasks (
    name text primary key,
    effects text not null check (effects in ('pure', 'transactional', 'keyed', 'queryable', 'unsafe')),
    queue text not null,
    max_attempts integer not null,
    timeout_seconds double precision not null,
    isolation text not null check (isolation in ('shared', 'process')),
    code_digest text not null,
    description text not null default '',
    payload_schema jsonb not null,
    result_schema jsonb,
    registered_at timestamptz not null,
    seen_at timestamptz not null
);

create table easyflow.workers (
    id uuid primary key,
    host text not null,
    pid integer not null,
    version text not null,
    queues text[] not null,
    tasks text[] not null,
    state text not null check (state in ('live', 'draining', 'stopped')),
    started_at timestamptz not null,
    seen_at timestamptz not null
);

-- The lease of every job an executor holds ends with lease_until of its row.
create table easyflow.executors (
    id uuid primary key,
    worker_id uuid not null,
    state text not null check (state in ('live', 'dead')),
    started_at timestamptz not null,
    lease_until timestamptz not null
) with (fillfactor = 50);

create index executors_live on easyflow.executors (lease_until) where state = 'live';

-- Outlives its jobs: a retried submit finds its answer for as long as the key is kept.
create table easyflow.idempotency_keys (
    kind text not null,
    key text not null,
    digest bytea not null,
    object_ids uuid[] not null,
    created_at timestamptz not null,
    primary key (kind, key)
);

create table easyflow.dead_letters (
    job_id uuid primary key,
    version integer not null default 1,
    failures integer not null default 1,
    failed_at timestamptz not null,
    lease_no bigint not null,
    revision integer not null,
    priority smallint not null,
    ordered boolean,
    state text not null default 'open' check (state in ('open', 'discarded', 'replayed')),
    reason text not null,
    task text not null,
    queue text not null,
    key text,
    tags text[] not null default '{}',
    error_type text,
    error_message text,
    error_code text,
    traceback text,
    payload jsonb not null,
    closed_at timestamptz,
    closed_by text,
    closed_reason text
);

create index dead_letters_open on easyflow.dead_letters (job_id) where state = 'open';

create index dead_letters_task on easyflow.dead_letters (task, job_id);

create table easyflow.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    act text not null,
    object_kind text not null,
    object_id text not null,
    reason text,
    before jsonb,
    after jsonb,
    request_id text
);

create index audit_object on easyflow.audit (object_kind, object_id, id);
