-- Begin to watch a database nobody has watched: this is its history from now on.
-- takes: nothing
-- returns: nothing
insert into easyflow.timeline (system_identifier, timeline_id, database_oid, commit_counter, watched_since, seen_at)
select f.system_identifier, f.timeline_id, f.database_oid, f.commit_counter, easyflow.clock(), easyflow.clock()
from easyflow.server_facts() as f
where not f.standby
on conflict (only_row) do nothing
