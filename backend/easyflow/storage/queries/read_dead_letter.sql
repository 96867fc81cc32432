-- Read one dead letter with everything it kept.
-- index: dead_letters_pkey
-- takes: job_id uuid
-- returns: its row; nothing when there is none
select * from easyflow.dead_letters where job_id = :job_id
