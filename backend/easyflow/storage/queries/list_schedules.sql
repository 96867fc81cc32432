-- List schedules behind a name, each with what last became of a slot.
-- takes: after text, max_schedules integer
-- index: schedules_pkey, schedule_slots_schedule, runs_pkey
-- returns: the schedules by name, without their input; latest_* is what was last written down of a slot, null before the
--          first one, and the state of its run
select s.name, s.workflow, s.tags, s.cron, s.zone, s.every_seconds, s.at, s.overlap, s.catch_up, s.catch_up_limit,
       s.paused, s.paused_reason, s.version, s.next_slot, s.last_slot, s.created_at, s.updated_at,
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
where s.name > :after
order by s.name
limit :max_schedules
