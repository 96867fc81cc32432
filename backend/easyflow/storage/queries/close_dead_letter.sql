-- Close a dead letter: its job was replayed, or an operator discarded it.
-- moves: T24 FAILED -> FAILED        index: dead_letters_pkey
-- takes: job_id uuid, state text, actor text, reason text
-- returns: the new version. Run behind lock_dead_letter.
update easyflow.dead_letters
set state = :state, version = version + 1, closed_at = easyflow.clock(), closed_by = :actor, closed_reason = :reason
where job_id = :job_id
returning version
