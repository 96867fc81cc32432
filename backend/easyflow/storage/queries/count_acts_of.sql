-- Count the effects that a job has had, or may have had.
-- takes: job_id uuid
-- index: effects_*_pkey
-- returns: effects
select count(*) as effects from easyflow.effects where job_id = :job_id and state <> 'did_not_happen'
