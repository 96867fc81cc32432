-- Write down slots of a schedule that get no run: one, or all up to `last_slot`.
-- takes: schedule text, slot timestamptz, last_slot timestamptz, slots bigint, outcome text, detail text
-- returns: nothing
insert into easyflow.schedule_slots (schedule, slot, last_slot, slots, at, outcome, detail)
values (:schedule, :slot, :last_slot, :slots, easyflow.clock(), :outcome, :detail)
