-- Say which run was started under an idempotency key, in the transaction that started it.
-- takes: kind text, key text, run_id uuid
-- index: idempotency_keys_pkey
-- returns: nothing
update easyflow.idempotency_keys set object_ids = array[:run_id] where kind = :kind and key = :key
