-- Find queues, tasks, workflows and hosts of workers whose name contains a text; the same name first, then those that begin so.
-- takes: text text, max_found integer
-- returns: kind (queue, task, workflow, worker), id, label, state (null except for a worker)
with named as (
    select 'queue' as kind, q.name as id, q.name as label, null::text as state, q.name as name
    from easyflow.queues as q
    union
    (select 'queue', r.queue, r.queue, null, r.queue from easyflow.ready as r where r.queue = :text limit 1)
    union all
    select 'task', t.name, t.name, null, t.name from easyflow.tasks as t
    union all
    (select distinct 'workflow', f.name, f.name, null::text, f.name from easyflow.workflows as f)
    union all
    (select 'worker', w.id::text, w.host || ' ' || w.pid, w.state, w.host
     from easyflow.workers as w
     where w.state <> 'stopped'
     order by w.started_at desc
     limit 1000)
)
select kind, id, label, state
from named
where position(lower(:text) in lower(name)) > 0
order by name <> :text, not starts_with(lower(name), lower(:text)), length(name), name, kind
limit :max_found
