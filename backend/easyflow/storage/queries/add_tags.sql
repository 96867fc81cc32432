-- Remember the tags of new jobs; only called when there are any.
-- takes: tags text[], job_ids uuid[]
-- returns: nothing
insert into easyflow.job_tags (tag, job_id)
select tag, job_id from unnest(:tags, :job_ids) as u(tag, job_id)
on conflict do nothing
