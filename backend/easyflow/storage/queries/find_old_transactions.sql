-- Find transactions that have been open for long and keep dead rows from being removed; oldest first.
-- takes: older_than_seconds double precision
-- returns: pid (null for a prepared one), name, username, state, seconds
select pid, application_name as name, usename::text as username, state,
       extract(epoch from clock_timestamp() - xact_start)::double precision as seconds
from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
  and (backend_xmin is not null or backend_xid is not null)
  and xact_start < clock_timestamp() - :older_than_seconds * interval '1 second'
union all
select null, gid, owner::text, 'prepared', extract(epoch from clock_timestamp() - prepared)::double precision
from pg_prepared_xacts
where database = current_database() and prepared < clock_timestamp() - :older_than_seconds * interval '1 second'
order by seconds desc
