-- Read what a list shows of given runs: neither what went in nor what came out.
-- takes: run_ids uuid[]
-- index: runs_pkey, run_tags_run, run_steps_pkey
-- returns: id, workflow, version, digest, numbers as text, state, stopping, key, reason, created_at, started_at, finished_at, deadline_at,
--          parent_run, parent_step, schedule, slot, compensated, tags, steps (how many are in which state, as JSON text;
--          those without a row are not in it); newest run first
select r.id, r.workflow, r.version, r.digest, cast(r.numbers as text) as numbers, r.state, r.stopping, r.key, r.reason, r.created_at, r.started_at,
       r.finished_at, r.deadline_at, r.parent_run, r.parent_step, r.schedule, r.slot, r.compensated,
       array(select t.tag from easyflow.run_tags as t where t.run_id = u.id order by t.tag) as tags,
       coalesce((select cast(jsonb_object_agg(c.state, c.steps) as text)
                 from (select s.state, count(*) as steps from easyflow.run_steps as s where s.run_id = u.id
                       group by s.state) as c), '{}') as steps
from unnest(:run_ids) as u(id)
cross join lateral (select * from easyflow.runs where id = u.id limit 1) as r
order by r.id desc
