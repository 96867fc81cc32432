-- Read the ledger of some jobs.
-- index: effects_*_pkey
-- takes: job_ids uuid[]
-- returns: job_id, ordinal, name, effects, state, key, lease_no, tries, opened_at, closed_at, closed_by, repeat_until,
--          request_hash, note, result; by job and ordinal
select job_id, ordinal, name, effects, state, key, lease_no, tries, opened_at, closed_at, closed_by, repeat_until,
       request_hash, note, result
from easyflow.effects
where job_id = any (:job_ids)
order by job_id, ordinal
