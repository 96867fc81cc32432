-- Keep items that handlers hand over to the runs of their jobs, under their claims.
-- index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], run_ids uuid[], step_nos smallint[], places integer[], item_nos bigint[],
--        items jsonb[]
-- returns: held, for each of the given chunks in their order: whether the claim is still the current one; without it
--          nothing was kept. `places` says to which chunk, from 1, an item belongs. Said twice, as its answer was lost, a
--          chunk finds its own first try. The lease is locked against every ending: what is held here was there before
--          the job ended, and the map that follows sees it.
with given as materialized (
    select u.*
    from unnest(:job_ids, :claim_tokens, :run_ids, :step_nos) with ordinality
         as u(job_id, claim_token, run_id, step_no, place)
),
held as materialized (
    select job_id, claim_token, lease_no from easyflow.leases
    where job_id = any (:job_ids) and claim_token = any (:claim_tokens)
    order by job_id
    for key share
),
emitted as (
    insert into easyflow.run_items (run_id, step_no, lease_no, item_no, item)
    select g.run_id, g.step_no, h.lease_no, i.item_no, i.item
    from unnest(:places, :item_nos, :items) as i(place, item_no, item)
    join given as g on g.place = i.place
    join held as h using (job_id, claim_token)
    order by g.run_id, g.step_no, h.lease_no, i.item_no
    on conflict (run_id, step_no, lease_no, item_no) do nothing
)
select h.job_id is not null as held
from given as g
left join held as h using (job_id, claim_token)
order by g.place
