-- Lock a limited queue's row as lock_queue does, and wait for nobody: a row that someone holds is an error at once.
-- takes: queue text
-- returns: concurrency, paused; nothing when the queue was never configured
select concurrency, paused from easyflow.queues where name = :queue for update nowait
