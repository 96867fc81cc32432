-- Find runs that are to stop and have not ended.
-- takes: after uuid, max_runs integer
-- index: runs_stopping
-- returns: id by id, behind the one given
select id from easyflow.runs
where stopping is not null and finished_at is null and id > :after
order by id
limit :max_runs
