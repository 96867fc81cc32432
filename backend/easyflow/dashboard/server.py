"""Serving the dashboard until it is told to stop."""

from __future__ import annotations

from pathlib import Path

from easyflow.dashboard.app import STATIC, create_app
from easyflow.observability import requests as record
from easyflow.observability.logging import configure
from easyflow.serving.listening import displayed, listen
from easyflow.serving.server import run
from easyflow.settings import Settings


def serve(settings: Settings, host: str, port: int, folder: Path = STATIC) -> None:
    """Serve the build in `folder` until SIGTERM or SIGINT; then answer what has begun, and return.

    That takes up to eight seconds; event streams end at once. Raises Misconfigured when the pages were not built, for
    a port that is in use, and, without an API key, for an address that others could reach.
    """
    configure(settings.log_format)
    sockets = listen(host, port, keyed=settings.api_key is not None)
    app = create_app(settings, folder)
    record.dashboard_listening([displayed(each) for each in sockets], settings.api_url)
    run(app, sockets, app.state.passage.release)
    record.dashboard_stopped()
