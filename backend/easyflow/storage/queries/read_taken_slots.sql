-- Read which slots of a schedule have a run, or wait for theirs, in a stretch of time.
-- takes: schedule text, first timestamptz, last timestamptz
-- index: schedule_slots_one_run, runs_slot
-- returns: slot in no order, also of runs whose schedule was removed and made anew
select slot from easyflow.schedule_slots
where schedule = :schedule and slot >= :first and slot <= :last and outcome in ('queued', 'started', 'backfilled')
union
select slot from easyflow.runs where schedule = :schedule and slot >= :first and slot <= :last
