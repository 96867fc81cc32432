-- Read what is set for queues; a queue without a row is open and unlimited.
-- takes: names text[]
-- returns: name, paused, concurrency, concurrency_per_key
select name, paused, concurrency, concurrency_per_key from easyflow.queues where name = any (:names)
