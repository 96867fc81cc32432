-- Find the live run that has a key.
-- takes: workflow text, key text
-- returns: id
select id from easyflow.runs
where workflow = :workflow and key = :key and started_at is not null and finished_at is null
