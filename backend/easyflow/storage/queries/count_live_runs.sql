-- Count the runs of each workflow that are not over.
-- takes: most bigint
-- index: runs_state
-- returns: workflow, runs, cut by workflow; where cut is true, there may be more than was counted: of each state the newest
--          `most` runs
with live as materialized (
    select s.state, r.workflow
    from unnest(array['RUNNING', 'PAUSED', 'COMPENSATING']) as s(state)
    cross join lateral (
        select k.workflow from easyflow.runs as k
        where k.state = s.state and k.state <> 'SUCCEEDED'
        order by k.id desc
        limit :most + 1
    ) as r
),
cut as (
    select coalesce(max(n), 0) > :most as cut from (select count(*) as n from live group by state) as each
)
select l.workflow, count(*) as runs, (select cut from cut) as cut
from live as l
group by l.workflow
order by l.workflow
