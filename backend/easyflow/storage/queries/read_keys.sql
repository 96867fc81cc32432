-- Read what earlier requests with these idempotency keys made.
-- takes: kind text, keys text[]
-- returns: key, digest, object_ids
select key, digest, object_ids from easyflow.idempotency_keys where kind = :kind and key = any(:keys)
