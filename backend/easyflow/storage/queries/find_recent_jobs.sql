-- Find jobs and runs by the end of their id: among the newest of both, and the jobs of the newest open dead letters.
-- index: jobs_*_pkey, runs_pkey, dead_letters_open
-- takes: suffix text, max_jobs bigint, max_letters bigint, max_runs bigint, max_found integer
-- returns: id, newest first; and one row without id when there are more jobs than were looked at
with newest as materialized (
    select id from easyflow.jobs order by id desc limit :max_jobs + 1
),
letters as materialized (
    select job_id as id from easyflow.dead_letters where state = 'open' order by job_id desc limit :max_letters
),
young as materialized (
    select id from easyflow.runs order by id desc limit :max_runs
),
found as (
    select id from newest where right(id::text, length(:suffix)) = :suffix
    union
    select id from letters where right(id::text, length(:suffix)) = :suffix
    union
    select id from young where right(id::text, length(:suffix)) = :suffix
    order by id desc
    limit :max_found
)
select id from found
union all
select null where (select count(*) from newest) > :max_jobs
order by id desc
