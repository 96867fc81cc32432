-- Write down what became of a slot that was taken: its run, or why there is none.
-- takes: schedule text, slot timestamptz, run_id uuid, outcome text, detail text
-- index: schedule_slots_waiting
-- returns: nothing; with a run the outcome of a slot that a person asked for is backfilled, else as given
update easyflow.schedule_slots
set run_id = :run_id, detail = coalesce(:detail, detail), at = easyflow.clock(),
    outcome = case when :run_id is not null and backfill then 'backfilled' else :outcome end
where schedule = :schedule and slot = :slot and outcome = 'queued'
