-- Read what EasyFlow needs to know of the server: version, durability, isolation, connections, clock.
-- takes: nothing
-- returns: one row; `sees_all` says whether this user may see other users' transactions
select current_setting('server_version') as version, current_setting('server_version_num')::integer as version_num,
       current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('default_transaction_isolation') as isolation,
       current_setting('max_connections')::integer as max_connections,
       current_setting('superuser_reserved_connections')::integer
           + coalesce(current_setting('reserved_connections', true)::integer, 0) as reserved_connections,
       pg_is_in_recovery() as standby, pg_has_role('pg_read_all_stats', 'usage') as sees_all,
       clock_timestamp() as now
