-- Declare executors dead whose lease ran out; from now on they cannot renew.
-- index: executors_live
-- takes: nothing
-- returns: id, worker_id
update easyflow.executors
set state = 'dead'
where id = any (array(
        select id from easyflow.executors
        where state = 'live' and lease_until < (select easyflow.clock())
        order by id
        for update skip locked))
returning id, worker_id
