-- Prove that runs agree with their steps, and steps with their jobs and items; runs in a window of ids, in one picture.
-- takes: after uuid, max_jobs integer
-- returns: last_id (null when no run is behind `after`), checked, and ids of runs, at most 100 of a kind: under way, though
--          nothing of it is (halted); a step is under way, though its job has ended, or is over, though its job has not
--          (disagreeing); a step SUCCEEDED without its job (unproven); a map counts other than what it wrote down
--          (miscounted); over, though a step waits (unended)
with window_of_runs as materialized (
    select id, state, started_at, stopping from easyflow.runs where id > :after order by id limit :max_jobs
),
bounds as materialized (
    select (select id from window_of_runs order by id desc limit 1) as last_id, count(*) as checked from window_of_runs
),
steps as materialized (
    select s.run_id, s.step_no, s.state, s.items, s.made, s.succeeded, s.failed, s.compensation, s.job_id,
           f.state as job_state
    from window_of_runs as w
    join easyflow.run_steps as s on s.run_id = w.id
    left join lateral (select state from easyflow.finished where job_id = s.job_id limit 1) as f on true
),
counted as (
    select s.run_id, s.step_no, s.made, s.succeeded, s.failed,
           count(o.item_no) filter (where o.state = 'SUCCEEDED') as wrote_succeeded,
           count(o.item_no) filter (where o.state <> 'SUCCEEDED') as wrote_failed
    from steps as s
    left join easyflow.run_outcomes as o on o.run_id = s.run_id and o.step_no = s.step_no
    where s.items is not null
    group by 1, 2, 3, 4, 5
)
select b.last_id, b.checked,
       array(select w.id from window_of_runs as w
             where w.state in ('RUNNING', 'COMPENSATING') and w.started_at is not null and w.stopping is null
               and not exists (select from steps as s where s.run_id = w.id
                               and (s.state in ('RUNNING', 'WAITING') or s.compensation in ('RUNNING', 'FAILED')))
             order by w.id limit 100) as halted,
       array(select distinct s.run_id from steps as s
             where s.job_id is not null
               and ((s.state = 'RUNNING' and s.job_state is not null)
                    or (s.state in ('SUCCEEDED', 'FAILED', 'CANCELLED') and s.job_state is null))
             order by s.run_id limit 100) as disagreeing,
       array(select distinct s.run_id from steps as s
             where s.job_id is not null and s.state = 'SUCCEEDED' and s.job_state <> 'SUCCEEDED'
             order by s.run_id limit 100) as unproven,
       array(select distinct c.run_id from counted as c
             where (c.succeeded, c.failed) is distinct from (c.wrote_succeeded, c.wrote_failed)
                or c.made < c.succeeded + c.failed
             order by c.run_id limit 100) as miscounted,
       array(select distinct w.id from window_of_runs as w join steps as s on s.run_id = w.id
             where w.state in ('SUCCEEDED', 'CANCELLED') and s.state = 'WAITING'
             order by w.id limit 100) as unended
from bounds as b
