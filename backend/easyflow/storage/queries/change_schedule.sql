-- Give a schedule all that can be said of it anew, and its next slot. Run behind lock_schedule only.
-- takes: name text, workflow text, input jsonb, tags text[], cron text, zone text, every_seconds integer,
--        at timestamptz, overlap text, catch_up text, catch_up_limit integer,
--        next_slot timestamptz, last_slot timestamptz
-- returns: version, one more than before
update easyflow.schedules
set workflow = :workflow, input = :input, tags = :tags, cron = :cron, zone = :zone, every_seconds = :every_seconds,
    at = :at, overlap = :overlap, catch_up = :catch_up, catch_up_limit = :catch_up_limit, next_slot = :next_slot,
    last_slot = :last_slot, version = version + 1, updated_at = easyflow.clock()
where name = :name
returning version
