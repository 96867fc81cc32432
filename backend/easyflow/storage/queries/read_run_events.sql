-- Read what happened to one run: its start, its steps and its end, and the acts on it.
-- takes: run_id uuid, max_events bigint
-- index: runs_pkey, run_steps_pkey, run_events_run
-- returns: at, step_no, kind, actor, reason, detail as text of the latest events, newest first; nothing when there is no
--          such run
with told as (
    select r.created_at as at, null::smallint as step_no, 'created' as kind, null::text as actor,
           null::text as reason, null::jsonb as detail, -3::bigint as place
    from easyflow.runs as r
    where r.id = :run_id
    union all
    select r.started_at, null, 'started', null, null, null, -2
    from easyflow.runs as r
    where r.id = :run_id and r.started_at is not null
    union all
    select r.finished_at, null, lower(r.state), null, r.reason, null, 9223372036854775807
    from easyflow.runs as r
    where r.id = :run_id and r.finished_at is not null
    union all
    select s.released_at, s.step_no, 'step began', null, null,
           nullif(jsonb_strip_nulls(jsonb_build_object(
               'job_id', s.job_id, 'child_run', s.child_run, 'items', s.items)), '{}'), s.step_no * 2
    from easyflow.run_steps as s
    where s.run_id = :run_id and s.state <> 'SKIPPED'
    union all
    select s.finished_at, s.step_no, 'step ' || lower(s.state), null, s.reason, null, s.step_no * 2 + 1
    from easyflow.run_steps as s
    where s.run_id = :run_id and s.finished_at is not null
    union all
    (select e.at, e.step_no, e.kind, e.actor, e.reason, e.detail, 4611686018427387904 + e.id
     from easyflow.run_events as e
     where e.run_id = :run_id
     order by e.run_id desc, e.id desc
     limit :max_events)
)
select at, step_no, kind, actor, reason, cast(detail as text) as detail
from told
order by at desc, place desc
limit :max_events
