-- Cancel those of some jobs that nobody has claimed, and ask the executors of the others to stop.
-- moves: T15 READY -> CANCELLED, T15 SCHEDULED -> CANCELLED, T15 BLOCKED -> CANCELLED, T16 RUNNING -> RUNNING
-- index: ready_job_id_key, parked_pkey, leases_pkey
-- takes: job_ids uuid[]
-- returns: job_id, queue, key, ordered, state CANCELLED of those that ended; a job on the move is missed: look again.
--          Jobs in doubt stay: whether their effects happened must be known first.
with flagged as (
    update easyflow.leases as l set cancel_requested = true
    from (
        select job_id from easyflow.leases
        where job_id = any (:job_ids) and not cancel_requested
        order by job_id
        for update
    ) as held
    where l.job_id = held.job_id
    returning l.job_id
),
from_ready as (
    delete from easyflow.ready where job_id = any (:job_ids) returning *
),
from_parked as (
    delete from easyflow.parked where job_id = any (:job_ids) and state in ('SCHEDULED', 'BLOCKED') returning *
),
done as (
    select job_id, lease_no, retry_count, losses, unstarted, replay_no, revision, priority, ordered, task, queue, key
    from from_ready
    union all
    select job_id, lease_no, retry_count, losses, unstarted, replay_no, revision, priority, ordered, task, queue, key
    from from_parked
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           ordered, 'CANCELLED', task, queue, key
    from done
)
select job_id, queue, key, ordered, 'CANCELLED' as state from done
