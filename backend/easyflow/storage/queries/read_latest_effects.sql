-- Read the ledger of one job: of a long one what is open and the latest, and results up to some bytes.
-- index: effects_*_pkey
-- takes: job_id uuid, max_effects bigint, max_bytes bigint
-- returns: ordinal, name, effects, state, key, tries, lease_no, opened_at, closed_at, closed_by, note, repeat_until,
--          request_hash, result, result_bytes (null where no result is recorded), total (how many the ledger holds);
--          by ordinal. Behind `max_bytes` of results, the latest first, only the size of a result is told.
with chosen as materialized (
    select *, count(*) over () as total
    from easyflow.effects
    where job_id = :job_id
    order by state = 'open' desc, ordinal desc
    limit :max_effects
),
sized as (
    select *, octet_length(result::text)::bigint as result_bytes from chosen
)
select ordinal, name, effects, state, key, tries, lease_no, opened_at, closed_at, closed_by, note, repeat_until,
       request_hash,
       case when sum(result_bytes) over (order by ordinal desc) - result_bytes < :max_bytes then result end as result,
       result_bytes, total
from sized
order by ordinal
