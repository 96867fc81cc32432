-- Find open dead letters whose job is not FAILED, in one window of job ids.
-- index: dead_letters_open, finished_*_not_succeeded
-- takes: after uuid, max_jobs integer
-- returns: last_id (null when no open dead letter is behind `after`), checked, and the ids that could not be replayed
with window_of_letters as materialized (
    select job_id from easyflow.dead_letters
    where state = 'open' and job_id > :after
    order by job_id
    limit :max_jobs
)
select (select job_id from window_of_letters order by job_id desc limit 1) as last_id,
       (select count(*) from window_of_letters) as checked,
       array(select w.job_id from window_of_letters as w
             where (select count(*) from easyflow.finished as f
                    where f.job_id = w.job_id and f.state = 'FAILED') = 0
             order by w.job_id limit 100) as unfounded
