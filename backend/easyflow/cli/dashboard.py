"""`easyflow dashboard`: the pages, and the API behind the same address."""

from __future__ import annotations

from typing import Annotated

import typer

from easyflow.dashboard.server import serve
from easyflow.settings import settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def dashboard(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default EASYFLOW_DASHBOARD_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; default EASYFLOW_DASHBOARD_PORT.")
    ] = None,
) -> None:
    """Serve the dashboard until SIGTERM or Ctrl-C; it asks the API at EASYFLOW_API_URL."""
    known = settings()
    serve(known, host or known.dashboard_host, port or known.dashboard_port)
