-- Add to what a release has parked so far.
-- takes: parked bigint
-- returns: nothing
update easyflow.timeline set parked = parked + :parked where state = 'releasing'
