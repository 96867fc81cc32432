-- Give claimed jobs back unharmed, ahead of new ones: their holder drains, or never began them.
-- moves: T21 RUNNING -> READY, T29 RUNNING -> CANCELLED        index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[]
-- returns: the accepted: job_id, queue, key, ordered, state; no budget is charged and no attempt recorded
with done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *, case when cancel_requested then 'CANCELLED' else 'READY' end as state
),
back as (
    insert into easyflow.ready (job_id, ready_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                priority, lane, ordered, queue, task, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           0, ordered, queue, task, key
    from done where state = 'READY'
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           ordered, state, task, queue, key
    from done where state = 'CANCELLED'
)
select job_id, queue, key, ordered, state from done
