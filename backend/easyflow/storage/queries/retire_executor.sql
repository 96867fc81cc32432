-- Declare one executor dead: its process ended, or must not renew any more.
-- index: executors_pkey
-- takes: executor_id uuid
-- returns: id when it was live
update easyflow.executors set state = 'dead' where id = :executor_id and state = 'live' returning id
