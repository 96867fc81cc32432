"""The yardstick: a FastAPI endpoint that does nothing, served by uvicorn as `easyflow api` is served."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/noop")
async def noop() -> dict[str, str]:
    """Answer without looking."""
    return {}


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), http="httptools", loop="uvloop", ws="none", log_config=None, access_log=False
    )
