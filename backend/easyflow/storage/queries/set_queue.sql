-- Change what is set for a queue; what is null stays as it is, and 0 lifts the limit.
-- takes: name text, paused boolean, concurrency integer, concurrency_per_key integer
-- returns: name, paused, concurrency, concurrency_per_key, version after the change
insert into easyflow.queues as q (name, paused, concurrency, concurrency_per_key)
values (:name, coalesce(:paused, false), nullif(:concurrency, 0), coalesce(:concurrency_per_key, 1))
on conflict (name) do update set
    paused = coalesce(:paused, q.paused),
    concurrency = case when :concurrency is null then q.concurrency else nullif(:concurrency, 0) end,
    concurrency_per_key = coalesce(:concurrency_per_key, q.concurrency_per_key),
    version = q.version + 1, updated_at = easyflow.clock()
returning name, paused, concurrency, concurrency_per_key, version
