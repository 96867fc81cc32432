"""Create the engine: clock, facts, tickets, registry, partitions."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BASELINE = Path(__file__).parent.parent / "baseline"


def upgrade() -> None:
    """Run every file of `baseline/` in order; statements in them are separated by an empty line."""
    for file in sorted(BASELINE.glob("*.sql")):
        for statement in file.read_text().split(";\n\n"):
            op.execute(statement.replace(":", r"\:"))


def downgrade() -> None:
    """Remove everything EasyFlow ever stored, except the schema that holds alembic's own version table."""
    op.execute(
        """
        do $$
        declare drops text[]; step text;
        begin
            -- Named before the first drop: one drop takes others along, and what is gone has no name.
            select array_agg(format('drop %s if exists %s cascade', kind, name)) into drops
            from (select case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind,
                         c.oid::regclass::text as name
                  from pg_class c
                  where c.relnamespace = 'easyflow'::regnamespace and c.relname <> 'alembic_version'
                    and c.relkind in ('r', 'p', 'v', 'S') and not c.relispartition
                  union all
                  select 'routine', p.oid::regprocedure::text from pg_proc p
                  where p.pronamespace = 'easyflow'::regnamespace) as targets;
            foreach step in array drops loop
                execute step;
            end loop;
        end $$
        """
    )
