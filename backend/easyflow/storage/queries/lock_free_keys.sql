-- Lock those key rows nobody else holds, in their one order; for who must not wait.
-- index: keys_pkey
-- takes: queues text[], keys text[], ordered boolean[]
-- returns: queue, key, ordered of each row that is locked now; held ones are passed over
select k.queue, k.key, k.ordered
from unnest(:queues, :keys, :ordered) as u(queue, key, ordered)
join easyflow.keys as k using (queue, key, ordered)
order by k.queue, k.key, k.ordered
for update of k skip locked
