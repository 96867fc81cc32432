-- Read the slots of a schedule that wait until none of its runs is live.
-- takes: schedule text, max_slots integer
-- index: schedule_slots_waiting
-- returns: slot, backfill by slot
select slot, backfill from easyflow.schedule_slots
where schedule = :schedule and outcome = 'queued'
order by schedule, slot
limit :max_slots
