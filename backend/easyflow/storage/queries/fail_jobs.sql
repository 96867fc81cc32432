-- End attempts as FAILED and set each job aside as a dead letter with its own facts.
-- moves: T8 RUNNING -> FAILED, T12 RUNNING -> FAILED, T32 RUNNING -> FAILED, T29 RUNNING -> CANCELLED
-- index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], outcomes text[], run_seconds double precision[], code_digests text[],
--        reasons text[], error_types text[], error_messages text[], error_codes text[], tracebacks text[],
--        loss_charges integer[], unstarted_charges integer[]
-- returns: the accepted: job_id, queue, key, ordered, state; a stale claim changed nothing. A loss charge of -1 gives
--          a loss back.
with given as materialized (
    select u.*, (select easyflow.clock()) as now
    from unnest(:job_ids, :claim_tokens, :outcomes, :run_seconds, :code_digests, :reasons, :error_types,
                :error_messages, :error_codes, :tracebacks, :loss_charges, :unstarted_charges)
         as u(job_id, claim_token, outcome, run_seconds, code_digest, reason, error_type, error_message, error_code,
              traceback, loss, never_started)
),
done as (
    delete from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    returning *, case when cancel_requested then 'CANCELLED' else 'FAILED' end as state
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select d.job_id, g.now, d.lease_no, d.retry_count, d.losses + g.loss, d.unstarted + g.never_started, d.replay_no,
           d.revision, d.priority, d.ordered, d.state, d.task, d.queue, d.key
    from done as d join given as g using (job_id, claim_token)
),
history as (
    insert into easyflow.attempts (job_id, lease_no, executor_id, claimed_at, started_at, finished_at, outcome,
                                   code_digest, error_type, error_message, error_code, traceback)
    select d.job_id, d.lease_no, d.executor_id, d.claimed_at, g.now - g.run_seconds * interval '1 second', g.now,
           case when d.cancel_requested and g.outcome = 'failed' then 'cancelled' else g.outcome end,
           g.code_digest, g.error_type, g.error_message, g.error_code, g.traceback
    from done as d join given as g using (job_id, claim_token)
),
letters as (
    insert into easyflow.dead_letters as letter (job_id, failed_at, lease_no, revision, priority, ordered, reason, task,
                                                 queue, key, tags, error_type, error_message, error_code, traceback,
                                                 payload)
    select d.job_id, g.now, d.lease_no, d.revision, d.priority, d.ordered, g.reason, d.task, d.queue, d.key,
           array(select t.tag from easyflow.job_tags as t where t.job_id = d.job_id order by t.tag),
           g.error_type, g.error_message, g.error_code, g.traceback,
           coalesce((select p.payload from easyflow.payload_revisions as p
                     where p.job_id = d.job_id and p.revision = d.revision), j.payload)
    from done as d
    join given as g using (job_id, claim_token)
    cross join lateral (select payload from easyflow.jobs where id = d.job_id limit 1) as j
    where d.state = 'FAILED'
    on conflict (job_id) do update set
        version = letter.version + 1, failures = letter.failures + 1, failed_at = excluded.failed_at,
        lease_no = excluded.lease_no, revision = excluded.revision, state = 'open', reason = excluded.reason,
        queue = excluded.queue, error_type = excluded.error_type, error_message = excluded.error_message,
        error_code = excluded.error_code, traceback = excluded.traceback, payload = excluded.payload,
        closed_at = null, closed_by = null, closed_reason = null
)
select job_id, queue, key, ordered, state from done
