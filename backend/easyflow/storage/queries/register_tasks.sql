-- Announce tasks with their schemas, so that a submit can be checked and a form be shown.
-- takes: names text[], effects text[], queues text[], max_attempts integer[], timeouts double precision[],
--        isolations text[], code_digests text[], descriptions text[], payload_schemas jsonb[], result_schemas jsonb[],
--        key_windows double precision[]
-- returns: nothing; rows are written in name order, and only seen_at changes while the task stays the same
insert into easyflow.tasks as t (name, effects, queue, max_attempts, timeout_seconds, isolation, code_digest,
                                 description, payload_schema, result_schema, key_window_seconds, registered_at, seen_at)
select u.*, easyflow.clock(), easyflow.clock()
from unnest(:names, :effects, :queues, :max_attempts, :timeouts, :isolations, :code_digests, :descriptions,
            :payload_schemas, :result_schemas, :key_windows)
     as u(name, effects, queue, max_attempts, timeout_seconds, isolation, code_digest, description, payload_schema,
          result_schema, key_window_seconds)
order by u.name
on conflict (name) do update set
    effects = excluded.effects, queue = excluded.queue, max_attempts = excluded.max_attempts,
    timeout_seconds = excluded.timeout_seconds, isolation = excluded.isolation, code_digest = excluded.code_digest,
    description = excluded.description, payload_schema = excluded.payload_schema,
    result_schema = excluded.result_schema, key_window_seconds = excluded.key_window_seconds,
    seen_at = excluded.seen_at
