"""docker-compose.yml: the last resort that `./start-dev.sh` names, and what the package says of itself."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from easyflow.local.binaries import NO_BINARIES
from tests.support.project import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    """The file against the schema that the tool brings along."""
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_the_compose_file_is_one() -> None:
    done = checked(ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stdout


def test_a_misspelt_key_is_caught(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(TEXT.replace("volumes:", "volume:", 1))
    assert checked(wrong).returncode == 1


def test_it_has_the_service_that_the_start_names_on_loopback_only() -> None:
    assert "docker compose up --detach postgres" in NO_BINARIES
    assert "docker compose up --detach postgres" in TEXT
    assert "\n  postgres:\n    image: postgres:18\n" in TEXT
    assert '"127.0.0.1:5433:5432"' in TEXT
    assert "postgresql://easyflow:easyflow@127.0.0.1:5433/easyflow" in TEXT


def test_the_package_describes_itself_by_the_readme() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == "README.md"
