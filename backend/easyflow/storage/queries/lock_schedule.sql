-- Lock a schedule for whoever changes it; waits for a scheduler that has it.
-- takes: name text
-- index: schedules_pkey
-- returns: its row and the time; nothing when there is none
select name, workflow, input, tags, cron, zone, every_seconds, at, overlap, catch_up, catch_up_limit, paused,
       paused_reason, version, next_slot, last_slot, created_at, updated_at, (select easyflow.clock()) as now
from easyflow.schedules
where name = :name
for update
