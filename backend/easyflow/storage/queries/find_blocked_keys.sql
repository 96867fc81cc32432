-- List keys that have blocked jobs, each once, by hopping over the index from key to key.
-- index: parked_blocked
-- takes: after_queue text, after_key text, after_ordered boolean, max_keys integer
-- returns: queue, key, ordered in their order, behind the given one
with recursive hop as (
    (select p.queue, p.key, p.ordered, 1 as n
     from easyflow.parked as p
     where p.state = 'BLOCKED' and p.key is not null
       and (p.queue, p.key, p.ordered) > (:after_queue, :after_key, :after_ordered)
     order by p.queue, p.key, p.ordered
     limit 1)
    union all
    select s.queue, s.key, s.ordered, h.n + 1
    from hop as h
    cross join lateral (
        select p.queue, p.key, p.ordered
        from easyflow.parked as p
        where p.state = 'BLOCKED' and p.key is not null
          and (p.queue, p.key, p.ordered) > (h.queue, h.key, h.ordered)
        order by p.queue, p.key, p.ordered
        limit 1
    ) as s
    where h.n < :max_keys
)
select queue, key, ordered from hop
