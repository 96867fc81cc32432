-- Remove marks of workers that are long gone; what remembers them longer than this is not believed either.
-- takes: days integer
-- returns: nothing
delete from easyflow.timeline_witnesses where beat_at < easyflow.clock() - :days * interval '1 day'
