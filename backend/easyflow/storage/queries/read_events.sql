-- Read what happened to one job: its submit, its claims and their ends, and what is kept as events.
-- index: jobs_*_pkey, attempts_*_pkey, leases_pkey, job_events_job
-- takes: job_id uuid, max_events bigint
-- returns: at, kind, actor, reason, detail of the latest events, newest first; nothing when there is no such job
with tried as materialized (
    select a.lease_no, a.executor_id, a.claimed_at, a.finished_at, a.outcome, a.error_type, a.error_message,
           a.error_code
    from easyflow.attempts as a
    where a.job_id = :job_id
    order by a.lease_no desc
    limit :max_events
),
told as (
    select j.created_at as at, 'submitted' as kind, null::text as actor, null::text as reason, null::jsonb as detail,
           -1::bigint as step
    from easyflow.jobs as j
    where j.id = :job_id
    union all
    select claimed_at, 'claimed', null, null,
           jsonb_build_object('lease_no', lease_no, 'executor_id', executor_id), lease_no * 2
    from tried
    union all
    select finished_at, outcome, null, null,
           jsonb_build_object('lease_no', lease_no) || jsonb_strip_nulls(jsonb_build_object(
               'error_type', error_type, 'error_message', error_message, 'error_code', error_code)), lease_no * 2 + 1
    from tried
    union all
    select l.claimed_at, 'claimed', null, null,
           jsonb_build_object('lease_no', l.lease_no, 'executor_id', l.executor_id), l.lease_no * 2
    from easyflow.leases as l
    where l.job_id = :job_id
    union all
    (select e.at, e.kind, e.actor, e.reason, e.detail, 4611686018427387904 + e.id
     from easyflow.job_events as e
     where e.job_id = :job_id
     order by e.id desc
     limit :max_events)
)
select at, kind, actor, reason, detail
from told
where exists (select from easyflow.jobs where id = :job_id)
order by at desc, step desc
limit :max_events
