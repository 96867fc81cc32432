-- Count schedules, up to some number.
-- takes: most integer
-- returns: value
select count(*) as value from (select from easyflow.schedules limit :most) as s
