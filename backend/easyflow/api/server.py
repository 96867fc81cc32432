"""Serving the API until it is told to stop."""

from __future__ import annotations

from easyflow.api.app import create_app
from easyflow.api.backend import Backend
from easyflow.failpoints import arm
from easyflow.observability import requests as record
from easyflow.observability.logging import configure
from easyflow.serving.listening import displayed, listen
from easyflow.serving.server import run
from easyflow.settings import Settings


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has begun, for up to eight seconds, and return.

    On `localhost` or 127.0.0.1 it listens on ::1 as well, where there is one. Raises Misconfigured for a port that is
    in use, and, without an API key, for an address that others could reach.
    """
    configure(settings.log_format)
    arm(settings)
    app = create_app(settings)
    sockets = listen(host, port, keyed=settings.api_key is not None)

    def release() -> None:
        backend: Backend = app.state.backend
        backend.watch.release()
        backend.run_watch.release()
        backend.live.release()

    record.api_listening([displayed(each) for each in sockets])
    run(app, sockets, release)
    record.api_stopped()
