-- Set attempts aside whose effect on the outside is in doubt, until an operator says what happened.
-- moves: T13 RUNNING -> IN_DOUBT        index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], run_seconds double precision[], code_digests text[], reasons text[],
--        error_types text[], error_messages text[], error_codes text[], tracebacks text[], loss_charges integer[],
--        unstarted_charges integer[]
-- returns: the accepted: job_id, queue, key, ordered, state. A request to cancel does not change it: whether the effect
--          happened must be known first. The head of an ordering key keeps its key; a concurrency key's slot is given
--          back.
with given as materialized (
    select u.*, (select easyflow.clock()) as now
    from unnest(:job_ids, :claim_tokens, :run_seconds, :code_digests, :reasons, :error_types, :error_messages,
                :error_codes, :tracebacks, :loss_charges, :unstarted_charges)
         as u(job_id, claim_token, run_seconds, code_digest, reason, error_type, error_message, error_code, traceback,
              loss, never_started)
),
done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *
),
parked as (
    insert into easyflow.parked (job_id, parked_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                 priority, ordered, holds_key, state, queue, task, key)
    select d.job_id, g.now, d.lease_no, d.retry_count, d.losses + g.loss, d.unstarted + g.never_started, d.replay_no,
           d.revision, d.priority, d.ordered, d.key is not null and d.ordered, 'IN_DOUBT', d.queue, d.task, d.key
    from done as d join given as g using (job_id, claim_token)
),
history as (
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, started_at, finished_at, outcome,
                                   code_digest, error_type, error_message, error_code, traceback)
    select d.job_id, d.lease_no, d.executor_id, d.claimed_at, g.now - g.run_seconds * interval '1 second', g.now,
           'in_doubt', g.code_digest, g.error_type, g.error_message, g.error_code, g.traceback
    from done as d join given as g using (job_id, claim_token)
),
told as (
    insert into easyflow.job_events (job_id, at, kind, actor, reason, detail)
    select d.job_id, g.now, 'in doubt', 'engine', g.reason,
           case when d.cancel_requested then '{"cancel_requested": true}'::jsonb end
    from done as d join given as g using (job_id, claim_token)
)
select job_id, queue, key, ordered, 'IN_DOUBT' as state from done
