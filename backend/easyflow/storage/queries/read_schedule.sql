-- Read one schedule.
-- takes: name text
-- index: schedules_pkey, schedule_slots_schedule, runs_pkey
-- returns: its row, how many of its slots wait, and latest_* as in list_schedules; nothing when there is none
select s.name, s.workflow, s.input, s.tags, s.cron, s.zone, s.every_seconds, s.at, s.overlap, s.catch_up,
       s.catch_up_limit, s.paused, s.paused_reason, s.version, s.next_slot, s.last_slot, s.created_at, s.updated_at,
       (select count(*) from easyflow.schedule_slots as w where w.schedule = s.name and w.outcome = 'queued') as waiting,
       l.slot as latest_slot, l.outcome as latest_outcome, l.detail as latest_detail, l.run_id as latest_run_id,
       r.state as latest_run_state
from easyflow.schedules as s
left join lateral (
    select e.slot, e.outcome, e.detail, e.run_id from easyflow.schedule_slots as e
    where e.schedule = s.name
    order by e.schedule desc, e.id desc
    limit 1
) as l on true
left join lateral (select runs.state from easyflow.runs where runs.id = l.run_id limit 1) as r on true
where s.name = :name
