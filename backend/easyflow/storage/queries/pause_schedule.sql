-- Pause a schedule, or let it go on from its next slot. Run behind lock_schedule only.
-- takes: name text, paused boolean, reason text, next_slot timestamptz, last_slot timestamptz
-- returns: version, one more than before
update easyflow.schedules
set paused = :paused, paused_reason = :reason, next_slot = :next_slot, last_slot = :last_slot, version = version + 1,
    updated_at = easyflow.clock()
where name = :name
returning version
