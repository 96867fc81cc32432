-- Find failed jobs without a dead letter, in one window of job ids; a replayed letter is none, its job is not FAILED.
-- index: dead_letters_pkey
-- takes: after uuid, max_jobs integer
-- returns: last_id (null when no failed job is behind `after`), checked, and the ids nobody would be told of
with window_of_failures as materialized (
    select job_id from easyflow.finished
    where state = 'FAILED' and job_id > :after
    order by job_id
    limit :max_jobs
)
select (select job_id from window_of_failures order by job_id desc limit 1) as last_id,
       (select count(*) from window_of_failures) as checked,
       array(select w.job_id from window_of_failures as w
             where (select count(*) from easyflow.dead_letters as d
                    where d.job_id = w.job_id and d.state in ('open', 'discarded')) = 0
             order by w.job_id limit 100) as unlettered
