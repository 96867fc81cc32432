-- Read whether unsafe jobs are paused, since when and why.
-- takes: nothing
-- returns: state, tripped_at, differences; nothing before any worker has watched this database
select state, tripped_at, differences from easyflow.timeline where only_row
