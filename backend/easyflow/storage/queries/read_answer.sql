-- Read what an earlier request with this idempotency key was answered.
-- index: idempotency_keys_pkey
-- takes: kind text, key text
-- returns: digest, answer
select digest, answer from easyflow.idempotency_keys where kind = :kind and key = :key
