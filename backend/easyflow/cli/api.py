"""`easyflow api`: the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from easyflow.api.server import serve
from easyflow.cli.connection import known_settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default EASYFLOW_API_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; default EASYFLOW_API_PORT.")
    ] = None,
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C."""
    known = known_settings()
    serve(known, host or known.api_host, port or known.api_port)
