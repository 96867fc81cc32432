-- Lock one dead letter for an operator's act.
-- index: dead_letters_pkey
-- takes: job_id uuid
-- returns: version, state, task, revision; nothing when there is no such dead letter
select version, state, task, revision from easyflow.dead_letters where job_id = :job_id for update
