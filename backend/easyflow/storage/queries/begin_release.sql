-- Take an operator's word for what was lost; what existed then is parked before unsafe jobs start again.
-- takes: seen_version integer, actor text, reason text, lost_from timestamptz, lost_until timestamptz
-- returns: version; nothing when the guard is not tripped, or somebody wrote something since `seen_version`
update easyflow.timeline
set version = version + 1, state = 'releasing', released_by = :actor, reason = :reason, lost_from = :lost_from,
    lost_until = :lost_until, parked = 0
where state = 'tripped' and version = :seen_version
returning version
