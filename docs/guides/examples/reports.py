"""Tasks that are plain functions: one in a thread, one in a process of its own."""

from __future__ import annotations

import zlib

from pydantic import BaseModel

from easyflow import Context, task


class Report(BaseModel):
    """How long the report is."""

    pages: int


class Text(BaseModel):
    """What to compress."""

    text: str


@task("reports.render", effects="pure", timeout="2m")
def render(ctx: Context, payload: Report) -> int:
    """Render page by page, and stop early when asked to."""
    for page in range(payload.pages):
        if ctx.cancelled:
            return page
        ctx.progress(page + 1, payload.pages, "rendering")
    return payload.pages


@task("reports.compress", effects="pure", isolation="process")
def compress(ctx: Context, payload: Text) -> int:
    """Compress in a process that may die alone."""
    return len(zlib.compress(payload.text.encode()))
