-- Close what is open in the ledger of a job in doubt, by an operator's word.
-- index: effects_*_pkey
-- takes: job_id uuid, state text, result jsonb, closed_by text, note text
-- returns: ordinal, name of what was closed. Run behind lock_doubt.
update easyflow.effects
set state = :state, result = :result, closed_at = easyflow.clock(), closed_by = :closed_by, note = :note
where job_id = :job_id and state = 'open'
returning ordinal, name
