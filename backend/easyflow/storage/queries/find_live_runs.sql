-- Find the runs of a schedule that are not over.
-- takes: schedule text, max_runs integer
-- index: runs_schedule_live
-- returns: id, slot by id
select id, slot from easyflow.runs
where schedule = :schedule and finished_at is null
order by schedule, id
limit :max_runs
