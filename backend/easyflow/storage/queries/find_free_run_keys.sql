-- Find keys of workflows for which runs queue while no run has them.
-- takes: max_keys integer
-- index: runs_queued, runs_key
-- returns: workflow, key, in no order
select distinct q.workflow, q.key
from easyflow.runs as q
where q.started_at is null and q.finished_at is null and q.stopping is null
  and not exists (
      select from easyflow.runs as h
      where h.workflow = q.workflow and h.key = q.key and h.started_at is not null and h.finished_at is null)
limit :max_keys
