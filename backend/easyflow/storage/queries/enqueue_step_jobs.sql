-- Store the jobs of steps that begin; each may be claimed at once. Run behind lock_runs only.
-- moves: T1 -> READY
-- takes: ids uuid[], run_ids uuid[], step_nos smallint[], parts bigint[], items integer[], tasks text[], queues text[],
--        priorities smallint[], payloads jsonb[], max_attempts integer[], timeouts double precision[]
-- returns: queue of each job, in no order; without a queue of its own it is that of its task
with given as materialized (
    select u.*, (select easyflow.clock()) as now,
           coalesce(u.own_queue, (select t.queue from easyflow.tasks as t where t.name = u.task), 'default') as queue
    from unnest(:ids, :run_ids, :step_nos, :parts, :items, :tasks, :queues, :priorities, :payloads, :max_attempts,
                :timeouts)
         with ordinality as u(id, run_id, step_no, part, items, task, own_queue, priority, payload, max_attempts,
                              timeout, position)
),
facts as (
    insert into easyflow.jobs (id, created_at, run_at, timeout_seconds, max_attempts, priority, task, queue, payload,
                               run_id, step_no, part, items)
    select id, now, now, timeout, max_attempts, priority, task, queue, payload, run_id, step_no, part, items from given
),
ready as (
    insert into easyflow.ready (job_id, ready_at, priority, lane, queue, task)
    select id, now, priority, 1, queue, task from given order by position
)
select queue from given
