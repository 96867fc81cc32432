-- Cancel a job that nobody has claimed; in doubt, it ends with its effects left open.
-- moves: T15 READY -> CANCELLED, T15 SCHEDULED -> CANCELLED, T15 BLOCKED -> CANCELLED, T30 IN_DOUBT -> CANCELLED
-- index: ready_job_id_key, parked_pkey
-- takes: job_id uuid
-- returns: queue, key, ordered of the job; nothing when its ticket is elsewhere, or moved just now: look again
with from_ready as (
    delete from easyflow.ready where job_id = :job_id returning *
),
from_parked as (
    delete from easyflow.parked where job_id = :job_id and state in ('SCHEDULED', 'BLOCKED', 'IN_DOUBT') returning *
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
    select job_id, easyflow.clock(), lease_no, retry_count, losses, unstarted, replay_no, revision, priority, ordered,
           'CANCELLED', task, queue, key
    from done
)
select queue, key, ordered from done
