-- Create the days of jobs, finished, attempts and results from yesterday on, as far ahead as asked.
-- takes: days_ahead integer
-- returns: how many tables were created
select easyflow.create_partitions((easyflow.clock() at time zone 'UTC')::date - 1, :days_ahead + 2) as created
