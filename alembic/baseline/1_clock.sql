-- All decisions about time read this one clock. A row in easyflow.clock_override (tests write one) stops it.

create table easyflow.clock_override (
    only_row boolean primary key default true check (only_row),
    frozen_at timestamptz not null
);

-- STABLE over statement_timestamp(): usable in index conditions, and it moves on inside a long transaction.
create function easyflow.clock() returns timestamptz
    language sql stable parallel safe
    return coalesce((select frozen_at from easyflow.clock_override), statement_timestamp());

-- The smallest UUIDv7 of an instant: 48 bits of milliseconds, then zeros.
create function easyflow.first_uuid_at(instant timestamptz) returns uuid
    language sql immutable strict parallel safe
    return rpad(lpad(to_hex(floor(extract(epoch from instant) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
