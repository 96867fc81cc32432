-- Keep items that a transactional handler hands over to the run of its job: in the transaction that ends the job.
-- takes: job_id uuid, claim_token uuid, run_id uuid, step_no smallint, items jsonb[]
-- index: leases_pkey, run_items_pkey
-- returns: emitted: how many; none when another claim owns the job. Nothing is locked, as the ending in the same transaction
--          proves the claim. They are numbered behind those that are there, as the handler may have taken some back.
with emitted as (
    insert into easyflow.run_items (run_id, step_no, lease_no, item_no, item)
    select :run_id, :step_no, l.lease_no, coalesce(last.item_no, -1) + u.position, u.item
    from easyflow.leases as l
    left join lateral (
        select i.item_no from easyflow.run_items as i
        where i.run_id = :run_id and i.step_no = :step_no and i.lease_no = l.lease_no
        order by i.item_no desc
        limit 1
    ) as last on true
    cross join unnest(:items) with ordinality as u(item, position)
    where l.job_id = :job_id and l.claim_token = :claim_token
    returning 1
)
select count(*) as emitted from emitted
