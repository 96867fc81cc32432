-- Read the most frequent causes among the newest open dead letters.
-- index: dead_letters_open
-- takes: most bigint, max_causes bigint
-- returns: task, error_type, error_code, message and sample_job_id of the newest job, count, kind, first_failed_at,
--          last_failed_at; most frequent first. kind is capped when there are more open dead letters than `most`.
with newest as materialized (
    select job_id, task, error_type, error_code, left(error_message, 500) as message, failed_at,
           row_number() over (order by job_id desc) as age
    from easyflow.dead_letters
    where state = 'open'
    order by job_id desc
    limit :most + 1
),
counted as (
    select task, error_type, error_code, count(*) as count, min(failed_at) as first_failed_at,
           max(failed_at) as last_failed_at, min(age) as age
    from newest
    where age <= :most
    group by task, error_type, error_code
    order by count(*) desc, max(failed_at) desc, task
    limit :max_causes
)
select c.task, c.error_type, c.error_code, n.message, c.count,
       case when (select count(*) from newest) > :most then 'capped' else 'exact' end as kind,
       c.first_failed_at, c.last_failed_at, n.job_id as sample_job_id
from counted as c
join newest as n on n.age = c.age
order by c.count desc, c.last_failed_at desc, c.task
