-- Store a new schedule.
-- takes: name text, workflow text, input jsonb, tags text[], cron text, zone text, every_seconds integer,
--        at timestamptz, overlap text, catch_up text, catch_up_limit integer, next_slot timestamptz
-- returns: version; nothing when there is one of this name
insert into easyflow.schedules (name, workflow, input, tags, cron, zone, every_seconds, at, overlap, catch_up,
                                catch_up_limit, next_slot, created_at, updated_at)
select :name, :workflow, :input, :tags, :cron, :zone, :every_seconds, :at, :overlap, :catch_up, :catch_up_limit,
       :next_slot, c.now, c.now
from (select easyflow.clock() as now) as c
on conflict do nothing
returning version
