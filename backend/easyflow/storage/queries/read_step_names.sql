-- Read how the steps of given versions of workflows are called and what they do.
-- takes: names text[], versions integer[]
-- index: workflows_pkey
-- returns: digest, steps (a list with name, kind, task or what else is run, and needs of each, as JSON text)
select w.digest,
       (select cast(jsonb_agg(jsonb_build_object(
                   'name', s.said -> 'name',
                   'kind', case when s.said ? 'map' then 'map'
                                when s.said ? 'task' then 'task'
                                when s.said ? 'wait_for_signal' then 'wait_for_signal'
                                when s.said ? 'sleep' then 'sleep'
                                when s.said ? 'child' then 'child'
                                else 'fail' end,
                   'task', s.said -> 'task',
                   'workflow', s.said -> 'child' -> 'workflow',
                   'signal', s.said -> 'wait_for_signal' -> 'signal',
                   'items_of', s.said -> 'map' -> 'items_of',
                   'needs', coalesce(s.said -> 'needs', '[]')) order by s.place) as text)
        from jsonb_array_elements(w.definition -> 'steps') with ordinality as s(said, place)) as steps
from unnest(:names, :versions) as u(name, version)
cross join lateral (select * from easyflow.workflows where name = u.name and version = u.version limit 1) as w
