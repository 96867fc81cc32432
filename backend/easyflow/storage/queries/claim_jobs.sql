-- Lock the most urgent ready jobs for one executor and turn their tickets into leases.
-- moves: T3 READY -> RUNNING        index: ready_pkey, jobs_*_pkey
-- takes: executor_id uuid, claim_id uuid, tasks text[], max_jobs integer, queues text[], low_priorities smallint[],
--        low_lanes smallint[], low_seqs bigint[], high_priorities smallint[], high_lanes smallint[], high_seqs bigint[]
-- returns: claimed jobs in order of priority, lane, ready_seq, with the effects that earlier attempts left open; none is
--          no proof that nothing is ready.
--          The intervals (low, high] are walked in the order given: behind each stream's last claimed ticket, and the
--          gaps between streams, so that the scan never walks over the dead entries of what was claimed before.
with claimed as (
    delete from easyflow.ready
    where ctid = any (array(
        select ticket.ctid
        from unnest(:queues, :low_priorities, :low_lanes, :low_seqs, :high_priorities, :high_lanes, :high_seqs)
             as i(queue, low_priority, low_lane, low_seq, high_priority, high_lane, high_seq)
        cross join lateral (
            select r.ctid
            from easyflow.ready as r
            where r.queue = i.queue
              and (r.priority, r.lane, r.ready_seq) > (i.low_priority, i.low_lane, i.low_seq)
              and (r.priority, r.lane, r.ready_seq) <= (i.high_priority, i.high_lane, i.high_seq)
              and r.task = any (:tasks)
            order by r.priority, r.lane, r.ready_seq
            limit :max_jobs
            for update skip locked
        ) as ticket
        limit :max_jobs))
    returning *, gen_random_uuid() as claim_token
),
leased as (
    insert into easyflow.leases (job_id, claim_token, claim_id, executor_id, claimed_at, lease_no, retry_count, losses,
                                 unstarted, replay_no, revision, priority, ordered, queue, task, key)
    select job_id, claim_token, :claim_id, :executor_id, (select easyflow.clock()), lease_no + 1, retry_count, losses,
           unstarted, replay_no, revision, priority, ordered, queue, task, key
    from claimed
)
select c.job_id, c.claim_token, c.lease_no + 1 as lease_no,
       (select extract(epoch from easyflow.clock())::double precision) as claimed_at, c.task, c.queue,
       c.key, c.ordered, c.priority, c.lane, c.ready_seq, c.retry_count, c.losses, c.replay_no, j.max_attempts,
       j.timeout_seconds, j.run_id, j.step_no, j.part, j.items,
       case when c.lease_no > 0 then array(
           select e.ordinal from easyflow.effects as e where e.job_id = c.job_id and e.state = 'open' order by e.ordinal
       ) end as open_effects,
       case c.revision when 0 then j.payload else (
           select p.payload from easyflow.payload_revisions as p
           where p.job_id = c.job_id and p.revision = c.revision) end as payload
from claimed as c
cross join lateral (
    select payload, max_attempts, timeout_seconds, run_id, step_no, part, items from easyflow.jobs where id = c.job_id limit 1
) as j
order by c.priority, c.lane, c.ready_seq
