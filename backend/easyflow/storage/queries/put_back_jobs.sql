-- Let attempts run again later: after an error, which is counted, or a snooze, which is not.
-- moves: T7 RUNNING -> SCHEDULED, T20 RUNNING -> SCHEDULED, T29 RUNNING -> CANCELLED        index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], outcomes text[], delays double precision[],
--        run_seconds double precision[], code_digests text[], error_types text[], error_messages text[],
--        error_codes text[], tracebacks text[], loss_charges integer[]
-- returns: the accepted: job_id, queue, key, ordered, state. The head of an ordering key keeps its key; a
--          concurrency key's slot is given back. A charge of -1 gives a loss back.
with given as materialized (
    select u.*, (select easyflow.clock()) as now
    from unnest(:job_ids, :claim_tokens, :outcomes, :delays, :run_seconds, :code_digests, :error_types,
                :error_messages, :error_codes, :tracebacks, :loss_charges)
         as u(job_id, claim_token, outcome, delay, run_seconds, code_digest, error_type, error_message, error_code,
              traceback, loss)
),
done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *, case when cancel_requested then 'CANCELLED' else 'SCHEDULED' end as state
),
parked as (
    insert into easyflow.parked (job_id, parked_at, run_at, lease_no, retry_count, losses, unstarted, replay_no,
                                 revision, priority, ordered, holds_key, state, queue, task, key)
    select d.job_id, g.now, g.now + g.delay * interval '1 second', d.lease_no,
           d.retry_count + case g.outcome when 'retried' then 1 else 0 end, d.losses + g.loss, d.unstarted, d.replay_no,
           d.revision, d.priority, d.ordered, d.key is not null and d.ordered, d.state, d.queue, d.task, d.key
    from done as d join given as g using (job_id, claim_token)
    where d.state = 'SCHEDULED'
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select d.job_id, g.now, d.lease_no, d.retry_count, d.losses + g.loss, d.unstarted, d.replay_no, d.revision,
           d.priority, d.ordered, d.state, d.task, d.queue, d.key
    from done as d join given as g using (job_id, claim_token)
    where d.state = 'CANCELLED'
),
history as (
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, started_at, finished_at, outcome,
                                   code_digest, error_type, error_message, error_code, traceback)
    select d.job_id, d.lease_no, d.executor_id, d.claimed_at, g.now - g.run_seconds * interval '1 second', g.now,
           case when d.cancel_requested then 'cancelled' else g.outcome end,
           g.code_digest, g.error_type, g.error_message, g.error_code, g.traceback
    from done as d join given as g using (job_id, claim_token)
)
select job_id, queue, key, ordered, state from done
