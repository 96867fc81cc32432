-- Lock one job that is in doubt, for an operator's act.
-- index: parked_pkey
-- takes: job_id uuid
-- returns: version (its lease_no: a new doubt is a new claim's), task, queue; nothing when it is not in doubt
select lease_no as version, task, queue
from easyflow.parked
where job_id = :job_id and state = 'IN_DOUBT'
for update
