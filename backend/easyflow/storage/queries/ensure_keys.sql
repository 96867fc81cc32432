-- Make sure every key to be admitted has its row, in key order.
-- takes: queues text[], keys text[], ordered boolean[]
-- returns: nothing
insert into easyflow.keys (queue, key, ordered)
select u.queue, u.key, u.ordered
from unnest(:queues, :keys, :ordered) as u(queue, key, ordered)
order by u.queue, u.key, u.ordered
on conflict do nothing
