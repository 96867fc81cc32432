-- Keep how far running attempts say they are; a stale claim's word is dropped.
-- index: leases_pkey
-- takes: job_ids uuid[], claim_tokens uuid[], done bigint[], totals bigint[], notes text[]
-- returns: nothing
insert into easyflow.progress (job_id, lease_no, at, done, total, note)
select l.job_id, l.lease_no, easyflow.clock(), u.done, u.total, u.note
from unnest(:job_ids, :claim_tokens, :done, :totals, :notes) as u(job_id, claim_token, done, total, note)
join easyflow.leases as l on l.job_id = u.job_id and l.claim_token = u.claim_token
order by l.job_id
on conflict (job_id) do update set
    lease_no = excluded.lease_no, at = excluded.at, done = excluded.done, total = excluded.total, note = excluded.note
