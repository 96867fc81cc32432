-- Find the version of a workflow that has this content.
-- takes: name text, digest bytea
-- returns: version
select version from easyflow.workflows where name = :name and digest = :digest
