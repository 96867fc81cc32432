-- Tag a run.
-- takes: tags text[], run_id uuid
-- returns: nothing
insert into easyflow.run_tags (tag, run_id) select tag, :run_id from unnest(:tags) as tag on conflict do nothing
