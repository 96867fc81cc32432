-- Keep the answer of an act beside its idempotency key, in the transaction of the act.
-- index: idempotency_keys_pkey
-- takes: kind text, key text, answer jsonb
-- returns: nothing
update easyflow.idempotency_keys set answer = :answer where kind = :kind and key = :key
