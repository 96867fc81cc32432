-- Remove a schedule with the slots that are written down of it; its runs stay. Run behind lock_schedule only.
-- takes: name text
-- returns: nothing
delete from easyflow.schedules where name = :name
