-- Store the next version of a workflow, unless this content has one already.
-- takes: name text, digest bytea, definition jsonb, created_by text
-- returns: version, or nothing when the content is known or another version was stored at this very moment
insert into easyflow.workflows (name, version, digest, definition, created_at, created_by)
select :name, coalesce(max(w.version), 0) + 1, :digest, :definition, (select easyflow.clock()), :created_by
from easyflow.workflows as w
where w.name = :name
on conflict do nothing
returning version
