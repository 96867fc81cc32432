-- Lock the release that is under way, for one chunk of its work: whoever helps takes turns.
-- takes: nothing
-- returns: version, lost_from, lost_until, released_by, reason; nothing unless time was lost and a release is under way.
--          A statement of its own: inside the statement that moves jobs, the lock's second look at a row that another
--          helper had changed crashed the server process (PostgreSQL 18.6).
select version, lost_from, lost_until, released_by, reason
from easyflow.timeline
where only_row and state = 'releasing' and lost_until is not null
for no key update
