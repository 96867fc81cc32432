"""Writes the OpenAPI document for typed clients: `.venv/bin/python scripts/openapi.py`; `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from easyflow.api.app import create_app
from easyflow.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[1] / "frontend" / "openapi.json"


def described() -> str:
    """Return the document as it is kept, whatever the environment says; no database is asked."""
    app = create_app(Settings.model_construct(database_url="postgresql://nobody@localhost/nothing"))
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document; with `--check` exit with 1 when it is not what the code says."""
    if sys.argv[1:] == ["--check"]:
        if not DOCUMENT.is_file() or DOCUMENT.read_text() != described():
            raise SystemExit(f"{DOCUMENT.name} is not what the code says; write it anew: scripts/openapi.py")
    else:
        DOCUMENT.write_text(described())


if __name__ == "__main__":
    main()
