-- Read the intents of some jobs whose outcome is not recorded; run behind the lock on their leases, never before it.
-- index: effects_*_pkey
-- takes: job_ids uuid[]
-- returns: job_id, ordinal, name, effects, expired (its receiver may have forgotten the key)
select job_id, ordinal, name, effects, coalesce(repeat_until < easyflow.clock(), false) as expired
from easyflow.effects
where job_id = any (:job_ids) and state = 'open'
order by job_id, ordinal
