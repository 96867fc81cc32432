-- Write down that this database does not tell the history it told before; unsafe jobs wait from here on.
-- takes: seen_version integer, actor text, differences text[], epoch integer
-- returns: version; nothing when somebody wrote something since `seen_version`: look again
update easyflow.timeline as t
set version = t.version + 1, epoch = greatest(t.epoch, :epoch), state = 'tripped',
    tripped_at = case t.state when 'watching' then easyflow.clock() else t.tripped_at end, tripped_by = :actor,
    differences = case t.state when 'watching' then :differences else
        t.differences || array(select d.said from unnest(:differences) as d(said) where d.said <> all (t.differences))
        end,
    found_system_identifier = f.system_identifier, found_timeline_id = f.timeline_id,
    found_database_oid = f.database_oid, found_commit_counter = f.commit_counter,
    released_at = null, released_by = null, reason = null, lost_from = null, lost_until = null, parked = 0
from easyflow.server_facts() as f
where t.version = :seen_version and not f.standby
returning t.version
