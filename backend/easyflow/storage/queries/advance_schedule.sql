-- Write down how far a schedule has come. Run behind its lock only.
-- takes: name text, next_slot timestamptz, last_slot timestamptz
-- returns: nothing
update easyflow.schedules set next_slot = :next_slot, last_slot = :last_slot where name = :name
