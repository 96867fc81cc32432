-- Count who is alive, and what waits for a person.
-- takes: nothing
-- returns: dead_letters_open, workers and executors that are live, and whether unsafe jobs are paused
select (select count(*) from easyflow.dead_letters where state = 'open') as dead_letters_open,
       exists (select from easyflow.timeline where state <> 'watching') as unsafe_paused,
       count(distinct e.worker_id) as workers, count(*) as executors
from easyflow.executors as e
where e.state = 'live' and e.lease_until > easyflow.clock()
