-- Facts of a job: written once, never updated. Ranges of UUIDv7 ids are ranges of time.

create table easyflow.jobs (
    id uuid primary key,
    created_at timestamptz not null,
    run_at timestamptz not null,
    timeout_seconds double precision check (timeout_seconds > 0),
    max_attempts integer check (max_attempts > 0),
    priority smallint not null,
    ordered boolean,
    task text not null,
    queue text not null,
    key text,
    payload jsonb not null
) partition by range (id);

create index jobs_task on easyflow.jobs (task, id);

create index jobs_queue on easyflow.jobs (queue, id);

create table easyflow.finished (
    job_id uuid primary key,
    finished_at timestamptz not null,
    lease_no bigint not null,
    retry_count integer not null,
    losses integer not null,
    unstarted integer not null,
    replay_no integer not null,
    revision integer not null,
    priority smallint not null,
    ordered boolean,
    state text not null check (state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')),
    task text not null,
    queue text not null,
    key text
) partition by range (job_id);

create index finished_not_succeeded on easyflow.finished (state, job_id) where state <> 'SUCCEEDED';

create table easyflow.attempts (
    job_id uuid not null,
    lease_no bigint not null,
    executor_id uuid not null,
    claimed_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz not null,
    outcome text not null check (outcome in
        ('succeeded', 'failed', 'retried', 'snoozed', 'handed_back', 'cancelled', 'lost', 'unstarted')),
    code_digest text,
    error_type text,
    error_message text,
    error_code text,
    traceback text,
    primary key (job_id, lease_no)
) partition by range (job_id);

create table easyflow.results (
    job_id uuid primary key,
    result jsonb not null
) partition by range (job_id);

create table easyflow.job_tags (
    tag text not null,
    job_id uuid not null,
    primary key (tag, job_id)
);

create index job_tags_job on easyflow.job_tags (job_id);

create table easyflow.payload_revisions (
    job_id uuid not null,
    revision integer not null check (revision > 0),
    payload jsonb not null,
    created_at timestamptz not null,
    actor text not null,
    reason text not null,
    primary key (job_id, revision)
);

create table easyflow.job_events (
    id bigint generated always as identity primary key,
    job_id uuid not null,
    at timestamptz not null,
    kind text not null,
    actor text not null,
    reason text,
    detail jsonb
);

create index job_events_job on easyflow.job_events (job_id, id);

create table easyflow.progress (
    job_id uuid primary key,
    lease_no bigint not null,
    at timestamptz not null,
    done bigint not null,
    total bigint,
    note text
);
