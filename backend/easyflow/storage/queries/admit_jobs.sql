-- Let the next blocked jobs of each locked key go, while its limit has room. Run behind lock_keys only.
-- moves: T22 BLOCKED -> READY        index: parked_blocked, ready_key, leases_key, parked_holds_key
-- takes: queues text[], keys text[], ordered boolean[]
-- returns: job_id, queue in no order. It counts every time, so that nothing can drift; an ordering key's limit is 1.
--          Moved by ctid, as no row of parked is ever updated: by job id the planner may walk through all that is blocked.
with next as materialized (
    select b.ticket
    from unnest(:queues, :keys, :ordered) as u(queue, key, ordered)
    cross join lateral (
        select p.ctid as ticket
        from easyflow.parked as p
        where p.state = 'BLOCKED' and p.queue = u.queue and p.key = u.key and p.ordered = u.ordered
        order by p.blocked_seq
        limit greatest(0,
            case when u.ordered then 1 else coalesce(
                (select q.concurrency_per_key from easyflow.queues as q where q.name = u.queue), 1) end
            - (select count(*) from easyflow.ready as r
               where r.queue = u.queue and r.key = u.key and r.ordered = u.ordered)
            - (select count(*) from easyflow.leases as l
               where l.queue = u.queue and l.key = u.key and l.ordered = u.ordered)
            - (select count(*) from easyflow.parked as h
               where h.holds_key and h.queue = u.queue and h.key = u.key and h.ordered = u.ordered))
    ) as b
),
moved as (
    delete from easyflow.parked
    where ctid = any (array(select ticket from next))
    returning *
),
ready as (
    insert into easyflow.ready (job_id, ready_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                priority, lane, ordered, queue, task, key)
    select job_id, (select easyflow.clock()), lease_no, retry_count, losses, unstarted, replay_no, revision, priority,
           1, ordered, queue, task, key
    from moved
    order by blocked_seq
)
select job_id, queue from moved
