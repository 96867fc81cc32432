-- Insert the one idempotency key of a whole batch, or of an act; waits for whoever inserts it right now.
-- takes: kind text, key text, digest bytea, object_ids uuid[]
-- returns: key when it is new, else nothing
insert into easyflow.idempotency_keys (kind, key, digest, object_ids, created_at)
values (:kind, :key, :digest, :object_ids, easyflow.clock())
on conflict do nothing
returning key
