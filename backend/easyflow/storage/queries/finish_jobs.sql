-- Record that attempts succeeded: history, result and terminal state in one statement, under each claim's token.
-- moves: T6 RUNNING -> SUCCEEDED, T29 RUNNING -> CANCELLED        index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], run_seconds double precision[], lease_nos bigint[],
--        claimed_ats double precision[], code_digests text[], executor_id uuid, results_of uuid[], result_tokens uuid[],
--        results jsonb[], acquitted uuid[]
-- returns: the accepted: job_id, queue, key, ordered, state. A stale claim is missing from it and changed nothing.
--          Attempts and results are matched by token, as one job may stand here twice: with a stale claim and a live
--          one. The match is a hashed sub-plan: a join could be planned as a nested loop.
--          The acquitted are claim tokens of suspects that ended by themselves: each gets one loss back.
with done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count,
           losses - case when claim_token = any (:acquitted) then 1 else 0 end, unstarted, replay_no, revision, priority,
           ordered, case when cancel_requested then 'CANCELLED' else 'SUCCEEDED' end, task, queue, key
    from done
),
history as (
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, started_at, finished_at, outcome,
                                   code_digest)
    select u.job_id, u.lease_no, :executor_id, to_timestamp(u.claimed_at),
           (select easyflow.clock()) - u.run_seconds * interval '1 second', (select easyflow.clock()), 'succeeded',
           u.code_digest
    from unnest(:job_ids, :claim_tokens, :lease_nos, :claimed_ats, :run_seconds, :code_digests)
         as u(job_id, claim_token, lease_no, claimed_at, run_seconds, code_digest)
    where (u.claim_token in (select claim_token from done)) is true
),
kept as (
    insert into easyflow.results (job_id, result)
    select u.job_id, u.result
    from unnest(:results_of, :result_tokens, :results) as u(job_id, claim_token, result)
    where (u.claim_token in (select claim_token from done where not cancel_requested)) is true
)
select job_id, queue, key, ordered, case when cancel_requested then 'CANCELLED' else 'SUCCEEDED' end as state
from done
