-- Count a queue's running jobs.
-- takes: queue text
-- returns: running
select count(*) as running from easyflow.leases where queue = :queue
