-- Leave a mark of one worker that no later state of this database can be without, and keep the highest counter.
-- takes: witness uuid, beats bigint, every_seconds double precision
-- returns: beats once it is written; of the workers that beat in this time one renews the row all share
with kept as (
    update easyflow.timeline as t
    set commit_counter = greatest(t.commit_counter, f.commit_counter), seen_at = easyflow.clock(),
        system_identifier = coalesce(t.system_identifier, f.system_identifier),
        timeline_id = coalesce(t.timeline_id, f.timeline_id)
    from easyflow.server_facts() as f
    where t.state = 'watching' and t.seen_at <= easyflow.clock() - :every_seconds * interval '1 second'
)
insert into easyflow.timeline_witnesses as w (worker_id, beats, beat_at)
values (:witness, :beats, easyflow.clock())
on conflict (worker_id) do update set beats = excluded.beats, beat_at = excluded.beat_at
returning beats
