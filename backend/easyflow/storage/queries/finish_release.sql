-- Watch again: what the server is now is this database's history from here on, whatever anybody remembers of before.
-- takes: seen_version integer
-- returns: version, epoch; nothing when it was not this release that is under way
update easyflow.timeline as t
set version = t.version + 1, epoch = t.epoch + 1, state = 'watching', system_identifier = f.system_identifier,
    timeline_id = f.timeline_id, database_oid = f.database_oid, commit_counter = f.commit_counter,
    released_at = easyflow.clock(), seen_at = easyflow.clock()
from easyflow.server_facts() as f
where t.state = 'releasing' and t.version = :seen_version and not f.standby
returning t.version, t.epoch
