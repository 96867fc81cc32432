"""What composable lists read, for SQLAlchemy Core; what a table really is, the migrations alone say."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

METADATA = MetaData(schema="easyflow")

jobs = Table(
    "jobs",
    METADATA,
    Column("id", Uuid),
    Column("task", Text),
    Column("queue", Text),
    Column("run_id", Uuid),
    Column("step_no", SmallInteger),
)

ready = Table("ready", METADATA, Column("job_id", Uuid), Column("task", Text), Column("queue", Text))

leases = Table("leases", METADATA, Column("job_id", Uuid), Column("task", Text), Column("queue", Text))

parked = Table(
    "parked", METADATA, Column("job_id", Uuid), Column("state", Text), Column("task", Text), Column("queue", Text)
)

finished = Table(
    "finished", METADATA, Column("job_id", Uuid), Column("state", Text), Column("task", Text), Column("queue", Text)
)

runs = Table("runs", METADATA, Column("id", Uuid), Column("workflow", Text), Column("state", Text), Column("key", Text))

run_steps = Table("run_steps", METADATA, Column("run_id", Uuid), Column("step_no", SmallInteger))

run_tags = Table("run_tags", METADATA, Column("tag", Text), Column("run_id", Uuid))

job_tags = Table("job_tags", METADATA, Column("tag", Text), Column("job_id", Uuid))

dead_letters = Table(
    "dead_letters",
    METADATA,
    Column("job_id", Uuid),
    Column("version", Integer),
    Column("failures", Integer),
    Column("failed_at", TIMESTAMP(timezone=True)),
    Column("state", Text),
    Column("reason", Text),
    Column("task", Text),
    Column("queue", Text),
    Column("key", Text),
    Column("tags", ARRAY(Text)),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_code", Text),
    Column("closed_at", TIMESTAMP(timezone=True)),
    Column("closed_by", Text),
    Column("closed_reason", Text),
)
