-- End a job in doubt by an operator's word: SUCCEEDED with a result, or FAILED with a dead letter.
-- moves: T14 IN_DOUBT -> SUCCEEDED, T14 IN_DOUBT -> FAILED        index: parked_pkey
-- takes: job_id uuid, state text, result jsonb, reason text
-- returns: queue, key, ordered, state; nothing when it is not in doubt
with done as (
    delete from easyflow.parked where job_id = :job_id and state = 'IN_DOUBT' returning *
),
ended as (
    insert into easyflow.finished (job_id, finished_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                   priority, ordered, state, task, queue, key)
    select job_id, easyflow.clock(), lease_no, retry_count, losses, unstarted, replay_no, revision, priority, ordered,
           :state, task, queue, key
    from done
),
kept as (
    insert into easyflow.results (job_id, result)
    select job_id, :result from done where :state = 'SUCCEEDED' and :result is not null
),
letters as (
    insert into easyflow.dead_letters as letter (job_id, failed_at, lease_no, revision, priority, ordered, reason, task,
                                                 queue, key, tags, error_type, error_message, payload)
    select d.job_id, easyflow.clock(), d.lease_no, d.revision, d.priority, d.ordered, 'settled as failed', d.task,
           d.queue, d.key, array(select t.tag from easyflow.job_tags as t where t.job_id = d.job_id order by t.tag),
           'SettledAsFailed', :reason,
           coalesce((select p.payload from easyflow.payload_revisions as p
                     where p.job_id = d.job_id and p.revision = d.revision), j.payload)
    from done as d
    cross join lateral (select payload from easyflow.jobs where id = d.job_id limit 1) as j
    where :state = 'FAILED'
    on conflict (job_id) do update set
        version = letter.version + 1, failures = letter.failures + 1, failed_at = excluded.failed_at,
        lease_no = excluded.lease_no, revision = excluded.revision, state = 'open', reason = excluded.reason,
        queue = excluded.queue, error_type = excluded.error_type, error_message = excluded.error_message,
        error_code = null, traceback = null, payload = excluded.payload, closed_at = null, closed_by = null,
        closed_reason = null
)
select queue, key, ordered, :state as state from done
