-- List the versions of one workflow before a number, newest first.
-- takes: name text, before integer, max_versions integer
-- index: workflows_pkey
-- returns: name, version, digest, description, steps (how many), created_at, created_by
select name, version, digest, definition ->> 'description' as description,
       jsonb_array_length(definition -> 'steps') as steps, created_at, created_by
from easyflow.workflows
where name = :name and version < :before
order by name desc, version desc
limit :max_versions
