-- Days of jobs, finished, attempts and results. There is no default partition: a missing day is an error that says so.

-- A table that is small when its plan is made gets a sequential scan, and keeps it while it grows. A few dozen empty
-- pages, never given back (vacuum_truncate = off), make the index the cheaper plan from the first row on.
create procedure easyflow.widen(target regclass, dummy text) language plpgsql as $$
begin
    execute format('insert into %s %s', target, dummy);
    execute format('delete from %s', target);
end
$$;

create function easyflow.create_partitions(first_day date, days integer) returns integer language plpgsql as $$
declare
    parent text;
    child text;
    day date;
    lower_bound uuid;
    upper_bound uuid;
    created integer := 0;
    index record;
begin
    -- Every supervisor calls this: the second waits, and finds what the first made.
    perform pg_advisory_xact_lock(7305811120424002);
    for day in select first_day + n from generate_series(0, days - 1) as n loop
        lower_bound := easyflow.first_uuid_at(day::timestamp at time zone 'UTC');
        upper_bound := easyflow.first_uuid_at((day + 1)::timestamp at time zone 'UTC');
        foreach parent in array array['jobs', 'finished', 'attempts', 'results'] loop
            child := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
            continue when to_regclass('easyflow.' || child) is not null;
            execute format('create table easyflow.%I (like easyflow.%I including all excluding indexes)'
                           ' with (vacuum_truncate = off)', child, parent);
            if parent = 'jobs' then
                call easyflow.widen(format('easyflow.%I', child)::regclass,
                    '(id, created_at, run_at, priority, task, queue, payload) select gen_random_uuid(), ''epoch'','
                    ' ''epoch'', 0, '''', '''', to_jsonb(repeat(''x'', 400)) from generate_series(1, 1200)');
            end if;
            -- The primary key comes last: of two indexes of equal cost the planner takes the younger one.
            for index in select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition,
                                i.indisprimary from pg_index as i
                         where i.indrelid = ('easyflow.' || parent)::regclass order by i.indisprimary
            loop
                execute regexp_replace(index.definition, '^CREATE (UNIQUE )?INDEX \S+ ON (ONLY )?\S+',
                    format('create \1index %I on easyflow.%I',
                           replace(replace(index.name, 'easyflow.', ''), parent, child), child));
                if index.indisprimary then
                    execute format('alter table easyflow.%I add primary key using index %I', child,
                                   replace(replace(index.name, 'easyflow.', ''), parent, child));
                end if;
            end loop;
            execute format('alter table easyflow.%I attach partition easyflow.%I for values from (%L) to (%L)',
                           parent, child, lower_bound, upper_bound);
            created := created + 1;
        end loop;
    end loop;
    return created;
end
$$;

call easyflow.widen('easyflow.ready', '(job_id, ready_at, priority, lane, queue, task) select gen_random_uuid(),'
    ' ''epoch'', 0, 0, '''', '''' from generate_series(1, 6000)');

call easyflow.widen('easyflow.leases', '(job_id, claim_token, claim_id, executor_id, claimed_at, lease_no,'
    ' retry_count, losses, unstarted, replay_no, revision, priority, queue, task) select gen_random_uuid(),'
    ' gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), ''epoch'', 0, 0, 0, 0, 0, 0, 0, '''', '''''
    ' from generate_series(1, 4000)');

call easyflow.widen('easyflow.parked', '(job_id, parked_at, run_at, priority, state, queue, task)'
    ' select gen_random_uuid(), ''epoch'', ''epoch'', 0, ''SCHEDULED'', '''', '''' from generate_series(1, 6000)');

select easyflow.create_partitions((easyflow.clock() at time zone 'UTC')::date - 1, 9);
