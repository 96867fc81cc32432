-- Read registered tasks; schemas as text, because a caller's own connection may decode jsonb in a way of its own.
-- takes: names text[]
-- returns: name, effects, queue, max_attempts, timeout_seconds, isolation, code_digest, description, payload_schema,
--          result_schema, registered_at, seen_at by name; all tasks when names is null
select name, effects, queue, max_attempts, timeout_seconds, isolation, code_digest, description,
       cast(payload_schema as text) as payload_schema, cast(result_schema as text) as result_schema, registered_at,
       seen_at
from easyflow.tasks
where cast(:names as text[]) is null or name = any (:names)
order by name
