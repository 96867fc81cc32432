-- Count workflows, up to some number.
-- takes: most integer
-- index: workflows_pkey
-- returns: value
with recursive names as (
    (select w.name, 1 as step from easyflow.workflows as w order by w.name limit 1)
    union all
    select (select w.name from easyflow.workflows as w where w.name > n.name order by w.name limit 1), n.step + 1
    from names as n
    where n.name is not null and n.step < :most
)
select count(name) as value from names
