-- Write down who did what to which object, in the transaction of the act.
-- takes: actor text, act text, object_kind text, object_id text, reason text, before jsonb, after jsonb,
--        request_id text
-- returns: nothing
insert into easyflow.audit (at, actor, act, object_kind, object_id, reason, before, after, request_id)
values (easyflow.clock(), :actor, :act, :object_kind, :object_id, :reason, :before, :after, :request_id)
