-- Tell the time by which everything is decided.
-- takes: nothing
-- returns: now
select easyflow.clock() as now
