-- Lock a limited queue's row; how much room it has is counted in a later statement, behind this lock.
-- takes: queue text
-- returns: concurrency, paused; nothing when the queue was never configured
select concurrency, paused from easyflow.queues where name = :queue for update
