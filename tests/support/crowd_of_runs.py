"""Runs among the crowd: some thousand, with steps, items, outcomes, signals and events, for the planner to see."""

from __future__ import annotations

# Runs have the ids of the first jobs of the crowd; every third job belongs to one.
CROWD_OF_RUNS = (
    """
    insert into easyflow.workflows (name, version, digest, definition, created_at, created_by)
    select 'w' || n % 100, n / 100 + 1, sha256(n::text::bytea), '{}', easyflow.clock(), 'test'
    from generate_series(0, 999) as n
    """,
    """
    insert into easyflow.runs (id, created_at, started_at, finished_at, deadline_at, version, state, stopping, workflow,
                               key, parent_run, digest, input)
    select id, easyflow.clock(), case when n % 11 <> 0 then easyflow.clock() end,
           case when n % 5 = 0 then easyflow.clock() end, easyflow.clock() + n * interval '1 minute', 1,
           case when n % 5 = 0 then case when n % 2 = 0 then 'SUCCEEDED' else 'FAILED' end else 'RUNNING' end,
           case when n % 97 = 0 then 'CANCELLED' end, 'w' || n % 100, 'k' || n,
           case when n % 13 = 0 then id end, '', '{}'
    from crowd where n <= 6000
    """,
    """
    insert into easyflow.run_steps (run_id, step_no, released_at, finished_at, due_at, state, job_id, child_run, items,
                                    made, succeeded, failed)
    select id, step_no, easyflow.clock(), case when step_no = 0 then easyflow.clock() end,
           case when step_no = 1 and n % 7 = 0 then easyflow.clock() + n * interval '1 minute' end,
           case when step_no = 0 then 'SUCCEEDED' when n % 7 < 2 then 'WAITING' else 'RUNNING' end, id,
           case when step_no = 1 and n % 7 = 1 then id end, 10, 10, 5, 5
    from crowd cross join generate_series(0, 1) as step_no where n <= 6000
    """,
    "update easyflow.jobs as j set run_id = r.id, step_no = 1 from crowd as c, crowd as r"
    " where j.id = c.id and c.n % 3 = 0 and r.n = c.n / 3",
    """
    insert into easyflow.run_items (run_id, step_no, lease_no, item_no, item)
    select id, 0, 1, item_no, '{}' from crowd cross join generate_series(0, 9) as item_no where n <= 3000
    """,
    """
    insert into easyflow.run_outcomes (run_id, step_no, item_no, job_id, state)
    select id, 1, item_no, id, case when item_no = 3 then 'FAILED' else 'SUCCEEDED' end
    from crowd cross join generate_series(0, 9) as item_no where n <= 3000
    """,
    """
    insert into easyflow.run_signals (run_id, name, at, actor, value)
    select id, 'go', easyflow.clock(), 'test', 'true' from crowd where n <= 6000
    """,
    """
    insert into easyflow.run_events (run_id, at, kind, actor)
    select id, easyflow.clock(), 'x', 'test' from crowd where n <= 6000
    """,
    "insert into easyflow.run_tags (tag, run_id) select 'tag' || n % 500, id from crowd where n <= 6000",
    """
    insert into easyflow.results (job_id, result) select id, '1' from crowd where place = 'over'
    """,
)
