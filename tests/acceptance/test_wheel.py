"""The wheel, as somebody else uses it: installed into an empty environment, in a folder that knows no checkout."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import AsyncIterator
from email.parser import Parser
from uuid import uuid4

import asyncpg
import pytest

from easyflow.local.ports import free_port
from easyflow.local.postgres import LocalPostgres
from tests.support.installed import Installed, Packages, fetch, make_packages, until_it_says
from tests.support.project import ROOT

pytestmark = pytest.mark.timeout(600)

SUBMIT = ("submit", "myapp.greet", '{"name": "Ada"}', "--wait")
FROM_PYTHON = """
from easyflow import Client

with Client() as client:
    job = client.submit("myapp.greet", {"name": "Grace"})
    print(client.wait(job.id, timeout=30).result)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Sdist and wheel of this checkout."""
    return make_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def installed(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own, and a new project beside it."""
    user = Installed.make(packages.wheel, tmp_path_factory.mktemp("user"))
    assert "Wrote the package myapp" in user("init", "myapp")
    return user


@pytest.fixture
async def empty_database(postgres_server: LocalPostgres, database_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """The address of a database that was never migrated."""
    name = f"wheel_{uuid4().hex}"
    await database_admin.execute(f"create database {name}")
    yield postgres_server.url(name)
    await database_admin.execute(f"drop database {name} with (force)")


def test_the_wheel_has_all_it_needs_and_nothing_else(packages: Packages) -> None:
    with zipfile.ZipFile(packages.wheel) as wheel:
        names = wheel.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        described = Parser().parsestr(wheel.read(metadata).decode())
    for wanted in (
        "easyflow/py.typed",
        "easyflow/migrations/env.py",
        *(f"easyflow/migrations/versions/{file.name}" for file in (ROOT / "alembic/versions").glob("*.py")),
        *(f"easyflow/migrations/baseline/{file.name}" for file in (ROOT / "alembic/baseline").iterdir()),
        *(f"easyflow/storage/queries/{file.name}" for file in (ROOT / "backend/easyflow/storage/queries").iterdir()),
        "easyflow/domain/workflow/workflow.schema.json",
        "easyflow/dashboard/static/index.html",
        "easyflow/examples/mainframe/data/NOTICE.txt",
    ):
        assert wanted in names
    licences = sorted(name.partition("/licenses/")[2] for name in names if "/licenses/" in name)
    assert licences[0] == "LICENSE"
    assert {name.rpartition("/")[2] for name in licences} == {"LICENSE", "LICENSE.txt", "NOTICE.txt"}
    assert {name.partition("/")[0] for name in names} == {"easyflow", metadata.partition("/")[0]}
    assert [name for name in names if re.search(r"\.tsx?$|node_modules|__pycache__|(^|/)tests?/|\.map$", name)] == []
    assert "Operating System :: POSIX :: Linux" in described.get_all("Classifier", [])
    assert "Operating System :: MacOS" not in described.get_all("Classifier", [])


def test_the_sdist_holds_what_a_wheel_is_made_of(packages: Packages) -> None:
    with tarfile.open(packages.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"hatch_build.py", "pyproject.toml", "LICENSE", "backend/easyflow/dashboard/static/index.html"} <= names
    assert {name.partition("/")[0] for name in names} & {"tests", "frontend", "docs"} == set()


def test_a_new_project_knows_nothing_of_the_checkout_and_its_test_passes(installed: Installed) -> None:
    place = installed("python", "-c", "import easyflow; print(easyflow.__file__)")
    assert place.startswith(str(installed.environment))
    assert "2 passed" in installed("python", "-m", "pytest", "-q")


async def test_every_command_runs_from_the_users_folder(installed: Installed, empty_database: str) -> None:
    api, dashboard = free_port(), free_port()
    here = {"EASYFLOW_DATABASE_URL": empty_database, "EASYFLOW_API_URL": f"http://localhost:{api}"}
    installed("migrate", **here)
    commands = (
        ("api", "--port", str(api)),
        ("worker", "--tasks", "myapp.tasks", "--executors", "1"),
        ("dashboard", "--port", str(dashboard)),
    )
    with installed.running(*commands, **here):
        # Asked through the dashboard, which passes /api on.
        until_it_says(f"http://localhost:{dashboard}/api/v1/tasks", "myapp.greet")
        assert installed(*SUBMIT, **here) == '"Hello, Ada!"\n'
        assert installed("python", "-c", FROM_PYTHON, **here) == "Hello, Grace!\n"
        headers, page = fetch(f"http://localhost:{dashboard}/")
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        [nonce] = re.findall(r"'nonce-([^']+)'", policy)
        assert nonce in page
        for asset in re.findall(r'(?:src|href)="(\./[^"]+)"', page):
            assert fetch(f"http://localhost:{dashboard}/{asset.removeprefix('./')}")[1]


def test_one_command_starts_everything_without_a_database(installed: Installed) -> None:
    api, dashboard = free_port(), free_port()
    stack = ("dev", "--api-port", str(api), "--dashboard-port", str(dashboard))
    with installed.running(stack, EASYFLOW_TASKS="myapp.tasks"):
        until_it_says(f"http://localhost:{dashboard}/api/v1/tasks", "myapp.greet", 120)
        assert "<base" in fetch(f"http://localhost:{dashboard}/")[1]
        # It finds the database of the stack that runs in its folder.
        assert installed(*SUBMIT) == '"Hello, Ada!"\n'
