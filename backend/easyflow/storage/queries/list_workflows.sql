-- List workflows behind a name, each with its newest version.
-- takes: after text, max_workflows integer
-- index: workflows_pkey
-- returns: name, version, digest, description, steps (how many), created_at, created_by by name
with recursive names as (
    (select w.name, 1 as step from easyflow.workflows as w where w.name > :after order by w.name limit 1)
    union all
    select (select w.name from easyflow.workflows as w where w.name > n.name order by w.name limit 1), n.step + 1
    from names as n
    where n.name is not null and n.step < :max_workflows
)
select v.name, v.version, v.digest, v.definition ->> 'description' as description,
       jsonb_array_length(v.definition -> 'steps') as steps, v.created_at, v.created_by
from names as n
cross join lateral (
    select * from easyflow.workflows as w where w.name = n.name order by w.name desc, w.version desc limit 1
) as v
order by v.name
