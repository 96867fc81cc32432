-- Insert idempotency keys, in key order so that two batches cannot deadlock; waits for whoever inserts one right now.
-- takes: kind text, keys text[], digests bytea[], object_ids uuid[]
-- returns: the keys that are new; read_keys, as a statement of its own, tells about the others
insert into easyflow.idempotency_keys (kind, key, digest, object_ids, created_at)
select :kind, u.key, u.digest, array[u.object_id], easyflow.clock()
from unnest(:keys, :digests, :object_ids) as u(key, digest, object_id)
order by u.key
on conflict do nothing
returning key
