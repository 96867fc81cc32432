"""`easyflow migrate`: the database's schema, brought to this release."""

from __future__ import annotations

import asyncio

import typer

from easyflow.cli.connection import known_settings
from easyflow.cli.options import Json
from easyflow.cli.output import print_json
from easyflow.errors import EasyFlowError
from easyflow.storage import migrations

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to this release's schema; of several at once, one does it and the others wait."""
    url = known_settings().direct_url
    before = asyncio.run(migrations.present_revision(url))
    try:
        migrations.migrate(url)
    except EasyFlowError:
        raise
    except Exception as failed:  # alembic, SQLAlchemy and the driver each have their own tree of errors
        reason = str(getattr(failed, "orig", None) or failed).splitlines()[0]
        raise EasyFlowError(f"the migration failed and changed nothing: {reason}") from failed
    after = asyncio.run(migrations.present_revision(url))
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"The database is up to date: revision {after}.")
    else:
        print(f"Migrated from {f'revision {before}' if before else 'an empty database'} to revision {after}.")
