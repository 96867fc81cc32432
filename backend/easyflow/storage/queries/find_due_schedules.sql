-- Find schedules for which there is something to do: a slot is due, or one waits that may start.
-- takes: after text, max_schedules integer
-- index: schedules_due, schedule_slots_waiting, schedules_pkey
-- returns: name by name; whether there still is something to do, only who has locked it knows
with due as (
    select s.name from easyflow.schedules as s where not s.paused and s.next_slot <= (select easyflow.clock())
    union
    select w.schedule
    from (select distinct schedule from easyflow.schedule_slots where outcome = 'queued') as w
    cross join lateral (
        select s.overlap from easyflow.schedules as s where s.name = w.schedule and not s.paused limit 1
    ) as s
    where s.overlap = 'allow' or not exists (
        select from easyflow.runs as r where r.schedule = w.schedule and r.finished_at is null)
)
select name from due where name > :after order by name limit :max_schedules
