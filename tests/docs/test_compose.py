"""The compose files: strict containers that do not start without their secrets, and a PostgreSQL for development."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from easyflow.cli.main import COMMANDS
from easyflow.local.binaries import NO_BINARIES
from easyflow.settings import Settings
from scripts.compose_file import NotSet, Service, in_order, read_services, seconds, variables_of
from tests.support.project import ROOT
from tests.support.shown_commands import faults

COMPOSE = ROOT / "docker-compose.yml"
DEVELOPMENT = ROOT / "docker-compose.dev.yml"
SECRETS = {"POSTGRES_PASSWORD": "a" * 24, "EASYFLOW_API_KEY": "b" * 24}
SERVICES = read_services(COMPOSE, SECRETS)
OURS = {"migrate", "api", "worker", "dashboard"}


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    """The file against the schema that the tool brings along."""
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("file", [COMPOSE, DEVELOPMENT], ids=lambda file: file.name)
def test_the_compose_files_are_such(file: Path) -> None:
    done = checked(file)
    assert done.returncode == 0, done.stdout


def test_a_misspelt_key_is_caught(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(DEVELOPMENT.read_text().replace("volumes:", "volume:", 1))
    assert checked(wrong).returncode == 1


def test_the_start_names_the_postgres_for_development_which_listens_on_loopback_only() -> None:
    words = "docker compose --file docker-compose.dev.yml up --detach"
    assert words in NO_BINARIES
    assert words in DEVELOPMENT.read_text()
    (postgres,) = read_services(DEVELOPMENT, {}).values()
    assert postgres.words["ports"] == ["127.0.0.1:5433:5432"]
    assert "postgresql://easyflow:easyflow@127.0.0.1:5433/easyflow" in DEVELOPMENT.read_text()
    assert postgres.environment == {f"POSTGRES_{name}": "easyflow" for name in ("USER", "PASSWORD", "DB")}


def test_both_run_the_same_postgres() -> None:
    (development,) = read_services(DEVELOPMENT, {}).values()
    assert development.words["image"] == SERVICES["postgres"].words["image"]
    assert development.command == SERVICES["postgres"].command


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["", None])
def test_nothing_starts_without_its_secrets(name: str, value: str | None) -> None:
    given = {key: each for key, each in {**SECRETS, name: value}.items() if each is not None}
    with pytest.raises(NotSet, match=f"{name} is missing a value: make one with openssl"):
        read_services(COMPOSE, given)


def test_a_secret_is_given_to_those_only_who_need_it() -> None:
    holders = {
        name: {each.name for each in SERVICES.values() if secret in str(each.words)} for name, secret in SECRETS.items()
    }
    assert holders == {
        "POSTGRES_PASSWORD": {"postgres", "migrate", "api", "worker"},
        "EASYFLOW_API_KEY": {"api", "dashboard"},
    }


def test_no_other_value_has_to_be_given() -> None:
    assert variables_of(COMPOSE) == {*SECRETS, "EASYFLOW_IMAGE"}


def test_all_of_easyflow_is_there_from_one_image() -> None:
    assert set(SERVICES) == OURS | {"postgres"}
    assert {SERVICES[name].words["image"] for name in OURS} == {f"easyflow:{version()}"}
    assert {SERVICES[name].words["build"]["dockerfile"] for name in OURS} == {"backend/Dockerfile"}
    for name in OURS:
        assert list(faults(ROOT, f"easyflow {' '.join(SERVICES[name].command)}")) == []
        assert SERVICES[name].command[0] == name
        assert name in COMMANDS


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_every_container_may_do_as_little_as_it_needs(service: Service) -> None:
    user, _, group = service.words["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service.words["read_only"] is True
    assert service.words["cap_drop"] == ["ALL"]
    assert service.words["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service.words
    assert service.words["restart"] == ("no" if service.name == "migrate" else "unless-stopped")


def test_ports_are_open_on_this_machine_only() -> None:
    open_ports = {name: service.words["ports"] for name, service in SERVICES.items() if "ports" in service.words}
    assert open_ports == {"api": ["127.0.0.1:3030:3030"], "dashboard": ["127.0.0.1:3000:3000"]}


def test_the_database_is_reached_by_those_who_need_it() -> None:
    there = {name for name, service in SERVICES.items() if "data" in service.words["networks"]}
    assert there == {"postgres", "migrate", "api", "worker"}
    assert SERVICES["postgres"].words["networks"] == ["data"]
    assert "\n  data:\n    internal: true\n" in COMPOSE.read_text()


def test_every_variable_is_a_setting() -> None:
    known = {f"EASYFLOW_{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        assert set(SERVICES[name].environment) <= known, name


def test_the_schema_is_there_before_the_api_and_the_workers_start() -> None:
    assert [service.name for service in in_order(SERVICES)][:2] == ["postgres", "migrate"]
    assert SERVICES["migrate"].conditions == {"postgres": "service_healthy"}
    for name in ("api", "worker"):
        assert SERVICES[name].conditions == {"migrate": "service_completed_successfully"}
    assert SERVICES["dashboard"].conditions == {"api": "service_healthy"}


def test_every_service_that_stays_tells_whether_it_is_well_by_a_command_of_its_image() -> None:
    checks = {name: service.health for name, service in SERVICES.items() if service.health}
    assert set(checks) == {"postgres", "api", "worker", "dashboard"}
    for name in ("api", "dashboard"):
        program, option, code = checks[name]
        assert (program, option) == ("python", "-c")
        compile(code, name, "exec")
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", code)
        assert port == str(Settings.model_fields[f"{name}_port"].default)
    assert checks["worker"][0] == "easyflow"
    assert list(faults(ROOT, " ".join(checks["worker"]))) == []


def test_running_jobs_get_their_time_before_a_worker_is_killed() -> None:
    default = {name: field.default for name, field in Settings.model_fields.items()}
    assert SERVICES["worker"].stop_seconds > default["drain_grace_seconds"] + default["kill_grace_seconds"]


def test_a_duration_is_read_as_compose_reads_it() -> None:
    assert [seconds(text) for text in ("45s", "1m30s", "500ms", "1h")] == [45.0, 90.0, 0.5, 3600.0]
    with pytest.raises(ValueError, match="no duration"):
        seconds("45")


def test_services_that_wait_for_each_other_are_caught() -> None:
    wait = (
        {"depends_on": {"b": {"condition": "service_healthy"}}},
        {"depends_on": {"a": {"condition": "service_healthy"}}},
    )
    with pytest.raises(ValueError, match="wait for each other"):
        list(in_order({name: Service(name, words) for name, words in zip("ab", wait, strict=True)}))


def test_the_package_describes_itself_by_the_readme() -> None:
    assert project()["readme"] == "README.md"


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def version() -> str:
    return str(project()["version"])
