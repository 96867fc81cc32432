-- Walk over the runs of a workflow, going on behind a run.
-- takes: workflow text, after uuid, max_runs integer
-- index: runs_workflow
-- returns: id, movable (it is under way, or FAILED and was not compensated) of the next runs, whatever their states, by id
select id, finished_at is null or (state = 'FAILED' and not compensated) as movable
from easyflow.runs
where workflow = :workflow and id > :after
order by id
limit :max_runs
