-- Put lost attempts back among the ready, ahead of new jobs, and charge the budget that pays.
-- moves: T11 RUNNING -> READY, T29 RUNNING -> CANCELLED        index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], loss_charges integer[], unstarted_charges integer[]
-- returns: the accepted: job_id, queue, key, ordered, state
with given as materialized (
    select u.*, (select easyflow.clock()) as now
    from unnest(:job_ids, :claim_tokens, :loss_charges, :unstarted_charges)
         as u(job_id, claim_token, loss, never_started)
),
done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *, case when cancel_requested then 'CANCELLED' else 'READY' end as state
),
back as (
    insert into easyflow.ready (job_id, ready_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                priority, lane, ordered, queue, task, key)
    select d.job_id, g.now, d.lease_no, d.retry_count, d.losses + g.loss, d.unstarted + g.never_started, d.replay_no,
           d.revision, d.priority, 0, d.ordered, d.queue, d.task, d.key
    from done as d join given as g using (job_id, claim_token)
    where d.state = 'READY'
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select d.job_id, g.now, d.lease_no, d.retry_count, d.losses + g.loss, d.unstarted + g.never_started, d.replay_no,
           d.revision, d.priority, d.ordered, d.state, d.task, d.queue, d.key
    from done as d join given as g using (job_id, claim_token)
    where d.state = 'CANCELLED'
),
history as (
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, finished_at, outcome, error_type,
                                   error_message)
    select d.job_id, d.lease_no, d.executor_id, d.claimed_at, g.now,
           case when g.loss > 0 then 'lost' when g.never_started > 0 then 'unstarted' else 'handed_back' end,
           'Lost', 'the executor that held this job is gone'
    from done as d join given as g using (job_id, claim_token)
)
select job_id, queue, key, ordered, state from done
