-- Read one version of a workflow, or the newest.
-- takes: name text, version integer
-- returns: name, version, digest, definition as text, created_at, created_by; the newest when version is null
select name, version, digest, cast(definition as text) as definition, created_at, created_by
from easyflow.workflows
where name = :name and (cast(:version as integer) is null or version = :version)
order by version desc
limit 1
