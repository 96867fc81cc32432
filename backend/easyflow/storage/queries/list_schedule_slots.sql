-- List what became of a schedule's slots.
-- takes: schedule text, before bigint, max_slots integer
-- index: schedule_slots_schedule, runs_pkey
-- returns: rows with an id below `before`, the last written down first; run_state is null without a run, or when it
--          was removed after its time
select e.id, e.slot, e.last_slot, e.slots, e.at, e.run_id, r.state as run_state, e.backfill, e.outcome, e.detail
from easyflow.schedule_slots as e
left join lateral (select runs.state from easyflow.runs where runs.id = e.run_id limit 1) as r on true
where e.schedule = :schedule and e.id < :before
order by e.schedule desc, e.id desc
limit :max_slots
