-- Count what is written down of a schedule's slots, up to some number.
-- takes: schedule text, most integer
-- index: schedule_slots_schedule
-- returns: value
select count(*) as value
from (
    select from easyflow.schedule_slots as e where e.schedule = :schedule order by e.schedule, e.id limit :most
) as s
