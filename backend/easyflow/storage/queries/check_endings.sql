-- Prove that the ends of jobs agree with their attempts and effects: no success twice, unearned, or with an open effect.
-- takes: after uuid, max_jobs integer
-- returns: last_id (null when no job is behind `after`), and the ids with more than one accepted success or one that did
--          not end the job (repeated), SUCCEEDED without a success and never settled (unearned), SUCCEEDED with an effect
--          whose outcome is not known (unsettled), and with more answers of its handler than the job's own max_attempts
--          allows in its replays so far (overspent). A task's max_attempts may have been another at the time.
with window_of_jobs as materialized (
    select id, max_attempts from easyflow.jobs where id > :after order by id limit :max_jobs
),
bounds as materialized (
    select (select id from window_of_jobs order by id desc limit 1) as last_id
),
attempts as materialized (
    select job_id, count(*) filter (where outcome = 'succeeded') as accepted,
           count(*) filter (where outcome in ('succeeded', 'failed', 'retried')) as answers,
           max(lease_no) filter (where outcome = 'in_doubt') as doubted
    from easyflow.attempts
    where job_id > :after and job_id <= (select last_id from bounds)
    group by job_id
),
ended as materialized (
    select job_id, state, lease_no, replay_no from easyflow.finished
    where job_id > :after and job_id <= (select last_id from bounds)
),
replays as (
    select job_id, replay_no from easyflow.ready where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id, replay_no from easyflow.leases where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id, replay_no from easyflow.parked where job_id > :after and job_id <= (select last_id from bounds)
    union all
    select job_id, replay_no from ended
),
unknown as materialized (
    select distinct job_id from easyflow.effects
    where job_id > :after and job_id <= (select last_id from bounds) and state = 'open'
)
select b.last_id,
       array(select a.job_id from attempts as a left join ended as e using (job_id)
             where a.accepted > 1 or a.accepted = 1 and coalesce(e.state not in ('SUCCEEDED', 'CANCELLED'), true)
             order by a.job_id limit 100) as repeated,
       array(select e.job_id from ended as e left join attempts as a using (job_id)
             where e.state = 'SUCCEEDED' and coalesce(a.accepted, 0) = 0 and a.doubted is distinct from e.lease_no
             order by e.job_id limit 100) as unearned,
       array(select e.job_id from ended as e join unknown as u using (job_id)
             where e.state = 'SUCCEEDED' order by e.job_id limit 100) as unsettled,
       array(select w.id from window_of_jobs as w join attempts as a on a.job_id = w.id
             join replays as r on r.job_id = w.id
             where a.answers > w.max_attempts * (r.replay_no + 1) order by w.id limit 100) as overspent
from bounds as b
