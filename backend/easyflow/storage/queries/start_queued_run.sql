-- Start the run that has queued longest for a key, unless another has the key.
-- takes: workflow text, key text
-- index: runs_queued, runs_key
-- returns: id of the run; nothing when none queues, or another has the key. Another that starts one at this moment makes
--          it wait, and then raises a unique violation: the key has its run.
update easyflow.runs
set started_at = (select easyflow.clock())
where id = (
    select q.id from easyflow.runs as q
    where q.workflow = :workflow and q.key = :key and q.started_at is null and q.finished_at is null
      and q.stopping is null
      and not exists (
          select from easyflow.runs as h
          where h.workflow = :workflow and h.key = :key and h.started_at is not null and h.finished_at is null)
    order by q.id
    limit 1
    for no key update)
returning id
