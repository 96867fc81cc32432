-- Lock key rows in their one order; what admission then counts, it counts behind these locks.
-- index: keys_pkey
-- takes: queues text[], keys text[], ordered boolean[]
-- returns: queue, key, ordered of each row that is locked now
select k.queue, k.key, k.ordered
from unnest(:queues, :keys, :ordered) as u(queue, key, ordered)
join easyflow.keys as k using (queue, key, ordered)
order by k.queue, k.key, k.ordered
for update of k
