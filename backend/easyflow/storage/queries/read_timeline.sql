-- Look at the server behind this connection, and at what its database says about its own history.
-- takes: witness uuid
-- returns: one row: standby, system_identifier, timeline_id, database_oid, commit_counter as they are now (null: not to be
--          read by this role, or not on a standby); beats of this witness; and, null before anybody watched, the columns
--          of easyflow.timeline, whose identity is called kept_*
select f.standby, f.system_identifier, f.timeline_id, f.database_oid, f.commit_counter,
       (select w.beats from easyflow.timeline_witnesses as w where w.worker_id = :witness) as beats,
       t.lineage, t.version, t.epoch, t.state, t.system_identifier as kept_system_identifier,
       t.timeline_id as kept_timeline_id, t.database_oid as kept_database_oid, t.commit_counter as kept_commit_counter,
       t.watched_since, t.seen_at, t.tripped_at, t.tripped_by, t.differences, t.found_system_identifier,
       t.found_timeline_id, t.found_database_oid, t.found_commit_counter, t.released_at, t.released_by, t.reason,
       t.lost_from, t.lost_until, t.parked
from easyflow.server_facts() as f
left join easyflow.timeline as t on t.only_row
