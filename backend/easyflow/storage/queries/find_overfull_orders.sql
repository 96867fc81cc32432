-- Find ordering keys that more than one job holds at once; a running, a ready and a waiting head each hold theirs.
-- index: ready_key, leases_key, parked_holds_key
-- takes: nothing
-- returns: queue, key, holders in order, at most 100
with holders as (
    select queue, key from easyflow.ready where key is not null and ordered
    union all
    select queue, key from easyflow.leases where key is not null and ordered
    union all
    select queue, key from easyflow.parked where holds_key and ordered
)
select queue, key, count(*) as holders
from holders
group by queue, key
having count(*) > 1
order by queue, key
limit 100
