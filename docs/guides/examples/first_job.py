"""A first job from Python: submit it, wait for its end, show its result."""

from __future__ import annotations

from easyflow.client import Client

with Client() as client:
    job = client.submit("demo.echo", {"message": "hello"})
    print(client.wait(job.id, timeout=30).result)
