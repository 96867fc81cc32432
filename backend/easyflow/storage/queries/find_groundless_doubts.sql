-- Find jobs in doubt without a ground: no effect of theirs is open, and nothing was written down when they were parked.
-- index: parked_state
-- takes: nothing
-- returns: job_id in order, at most 100
select p.job_id
from easyflow.parked as p
where p.state = 'IN_DOUBT'
  and not exists (select from easyflow.effects as e where e.job_id = p.job_id and e.state = 'open')
  and not exists (select from easyflow.job_events as v
                  where v.job_id = p.job_id and v.kind = 'in doubt' and v.at >= p.parked_at and v.reason <> '')
order by p.job_id
limit 100
