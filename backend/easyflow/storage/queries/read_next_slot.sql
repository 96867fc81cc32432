-- Tell how long it is until the next schedule is due.
-- takes: nothing
-- index: schedules_due
-- returns: seconds, below 0 when one is due; nothing when none will be
select extract(epoch from s.next_slot - easyflow.clock())::double precision as seconds
from easyflow.schedules as s
where not s.paused and s.next_slot is not null
order by s.next_slot
limit 1
