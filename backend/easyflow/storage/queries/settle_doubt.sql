-- Let a settled job go on: due now; its handler runs again and is given every recorded result.
-- moves: T14 IN_DOUBT -> SCHEDULED        index: parked_pkey
-- takes: job_id uuid
-- returns: queue, key, ordered, state. Run behind lock_doubt; what waits for its key keeps its place in the order.
with back as (
    delete from easyflow.parked where job_id = :job_id and state = 'IN_DOUBT' returning *
),
due as (
    insert into easyflow.parked (job_id, parked_at, run_at, lease_no, retry_count, losses, unstarted, replay_no,
                                 revision, priority, ordered, holds_key, state, queue, task, key)
    select job_id, easyflow.clock(), easyflow.clock(), lease_no, retry_count, losses, unstarted, replay_no, revision,
           priority, ordered, holds_key, 'SCHEDULED', queue, task, key
    from back
)
select queue, key, ordered, 'SCHEDULED' as state from back
