-- Remove rows of keys without any ticket; admission, which locks them, makes them again.
-- index: keys_pkey, ready_key, leases_key, parked_blocked
-- takes: max_keys integer
-- returns: removed
-- One look per key: flattened to a join, it would read every ready ticket.
with idle as (
    select k.queue, k.key, k.ordered from easyflow.keys as k
    where (select count(*) from (select from easyflow.ready as r
                                 where r.queue = k.queue and r.key = k.key and r.ordered = k.ordered limit 1) as t) = 0
      and (select count(*) from (select from easyflow.leases as l
                                 where l.queue = k.queue and l.key = k.key and l.ordered = k.ordered limit 1) as t) = 0
      and (select count(*) from (select from easyflow.parked as p
                                 where p.state = 'BLOCKED' and p.queue = k.queue and p.key = k.key
                                   and p.ordered = k.ordered limit 1) as t) = 0
    order by k.queue, k.key, k.ordered
    limit :max_keys
    for update of k skip locked
),
removed as (
    delete from easyflow.keys as k using idle as i
    where (k.queue, k.key, k.ordered) = (i.queue, i.key, i.ordered)
    returning 1
)
select count(*) as removed from removed
