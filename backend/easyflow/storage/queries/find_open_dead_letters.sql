-- Find open dead letters for an act on many of them, in one window of job ids.
-- index: dead_letters_open
-- takes: after uuid, task text, tag text, max_letters integer
-- returns: job_id, version, task, queue, oldest job first; null leaves task or tag open
select job_id, version, task, queue
from easyflow.dead_letters
where state = 'open' and job_id > :after
  and (cast(:task as text) is null or task = :task)
  and (cast(:tag as text) is null or :tag = any (tags))
order by job_id
limit :max_letters
