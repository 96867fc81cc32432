-- Take slots of a schedule for one run each: the unique index lets nobody take one twice.
-- takes: schedule text, slots timestamptz[], details text[], backfill boolean
-- index: runs_slot
-- returns: slot of those that were free, in no order; they wait until their run is started
insert into easyflow.schedule_slots (schedule, slot, at, backfill, outcome, detail)
select :schedule, t.slot, easyflow.clock(), :backfill, 'queued', t.detail
from unnest(:slots, :details) as t(slot, detail)
where not exists (select from easyflow.runs as r where r.schedule = :schedule and r.slot = t.slot)
order by t.slot
on conflict (schedule, slot) where outcome in ('queued', 'started', 'backfilled') do nothing
returning slot
