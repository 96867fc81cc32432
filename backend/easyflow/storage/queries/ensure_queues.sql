-- Make sure queues have their row, so that they are listed and can be set.
-- takes: names text[]
-- returns: nothing
insert into easyflow.queues (name) select u.name from unnest(:names) as u(name) order by u.name on conflict do nothing
