"""What README and guides show on a console is what one really sees: their blocks run against a started stack."""

from __future__ import annotations

import asyncio
import importlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from easyflow.client import AsyncClient, Client
from easyflow.local.ports import free_port
from easyflow.storage.database import sqlalchemy_url
from tests.support.documents import Block, blocks, commands, documents, table
from tests.support.project import ROOT
from tests.support.shown_output import is_as_shown, run_block
from tests.support.waiting import until, within

EXAMPLES = ROOT / "docs" / "guides" / "examples"
MODULES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
TASKS = [name for name in MODULES if "\n@task(" in (EXAMPLES / f"{name}.py").read_text()]
METRICS = table((ROOT / "docs/guides/easyflow_guide.md").read_text(), "metric", "labels", "what it tells")
SHOWN = {
    str(document): run
    for document in documents(ROOT)
    if (run := [block for block in blocks((ROOT / document).read_text(), "console") if block.info == "console run"])
}
DOUBT = """
    insert into easyflow.parked (job_id, parked_at, lease_no, retry_count, losses, unstarted, replay_no, revision,
                                 priority, ordered, holds_key, state, queue, task)
    values (gen_random_uuid(), now(), 1, 0, 0, 0, 0, 0, 0, false, false, 'IN_DOUBT', 'default', 'demo.noop')
"""
START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True)
class Stack:
    """A stack that runs in a folder like a checkout."""

    folder: Path
    address: str
    database: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What `./start-dev.sh` starts in a fresh folder, PostgreSQL included, with the tasks of the guide."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(Path(sys.prefix))
    (folder / "docs").symlink_to(ROOT / "docs")
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, folder)
    port = free_port()
    with (folder / "output").open("w") as output:
        process = start(folder, port, output.fileno())
        try:
            within(START_SECONDS, lambda: "worker.ready" in written(folder), lambda: written(folder))
            yield Stack(folder, f"http://localhost:{port}", database_of(folder))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def start(folder: Path, port: int, output: int) -> subprocess.Popen[bytes]:
    ours = {"EASYFLOW_TASKS": ",".join(TASKS), "EASYFLOW_EXECUTORS": "1"}
    command = [sys.executable, "-m", "easyflow.cli.main", "dev", "--no-dashboard", "--api-port", str(port)]
    return subprocess.Popen(command, cwd=folder, env={**unset(), **ours}, stdout=output, stderr=output)


def unset() -> dict[str, str]:
    """The environment without settings of EasyFlow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EASYFLOW_")}


def database_of(folder: Path) -> str:
    """The address that the stack tells other terminals."""
    shared = shlex.split((folder / ".easyflow" / "environment").read_text())
    return next(word.partition("=")[2] for word in shared if word.startswith("EASYFLOW_DATABASE_URL="))


def written(folder: Path) -> str:
    return (folder / "output").read_text()


@pytest.mark.timeout(180)  # a dozen commands, each an interpreter of its own
@pytest.mark.parametrize("document", SHOWN)
async def test_what_a_document_shows_is_what_one_sees(document: str, stack: Stack) -> None:
    for block in SHOWN[document]:
        ran = await asyncio.to_thread(run_block, block, stack.folder, stack.address)
        for command, seen in zip(commands(block), ran, strict=True):
            where = f"{document}:{block.line}: {command.words}\n{seen.output}"
            assert seen.code == 0, where
            assert is_as_shown(seen.output, command.output), where


async def test_an_order_and_its_job_commit_together_or_not_at_all(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    orders = importlib.import_module("orders")
    engine = create_async_engine(sqlalchemy_url(stack.database))
    async with engine.begin() as connection:
        await connection.run_sync(orders.metadata.create_all)
    async with AsyncSession(engine) as session:
        await orders.place_order(session, "Ada")
        await session.commit()
        await orders.place_order(session, "Bob")
        await session.rollback()
    await engine.dispose()
    watching = await asyncpg.connect(stack.database)
    try:
        await until(10, lambda: watching.fetchval("select confirmed from orders"))
        assert await watching.fetchval("select count(*) from easyflow.jobs where task = 'orders.confirm'") == 1
        assert await watching.fetchval("select string_agg(customer, ',') from orders") == "Ada"
    finally:
        await watching.close()


def test_the_desk_of_the_guide_follows_parcels_and_corrects_what_was_mistyped(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    desk = importlib.import_module("desk")
    with Client(stack.address) as client:
        assert desk.follow(client, "A1") == "delivered"
        assert desk.follow(client, "Z8") == "nobody knows the parcel Z8"
        assert desk.follow(client, "Z8") == "nobody knows the parcel Z8"
        assert len(list(client.list_jobs(tag="desk"))) == 2
        (job,) = desk.correct(client, "A1")
        assert client.wait(job, timeout=30).result == "delivered"
        assert desk.follow(client, "Z8") == "delivered"


async def test_the_desk_of_the_guide_follows_many_parcels_at_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    desk = importlib.import_module("desk")
    async with AsyncClient(stack.address) as client:
        assert await desk.follow_all(client, ["A1", "A1"]) == ["delivered", "delivered"]


async def test_the_metrics_the_guide_lists_are_those_the_api_tells(stack: Stack) -> None:
    metrics(stack)  # a request must have been counted
    database = await asyncpg.connect(stack.database)
    try:
        await database.execute(DOUBT)  # without one nobody can see the labels of its metrics
        await asyncio.to_thread(within, 20, lambda: "easyflow_jobs_in_doubt{" in metrics(stack))
        told = text_string_to_metric_families(metrics(stack))
    finally:
        await database.execute("delete from easyflow.parked where state = 'IN_DOUBT'")
        await database.close()
    # Beside each counter stands the moment it began to count.
    named = [each for each in told if each.name.startswith("easyflow_") and not each.name.endswith("_created")]
    ours = {as_listed(each) for each in named}
    assert {(name.strip("`"), labels, says) for name, labels, says in METRICS} == ours


def metrics(stack: Stack) -> str:
    """What a scrape gets."""
    return httpx.get(f"{stack.address}/metrics", timeout=20).text


def as_listed(family: Metric) -> tuple[str, str, str]:
    """A metric as the guide lists it: its name on the wire, its labels, its help."""
    ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
    labels = {label: None for sample in family.samples for label in sample.labels if label != "le"}
    return f"{family.name}{ending}", ", ".join(f"`{label}`" for label in labels) or "–", family.documentation


@pytest.mark.parametrize("example", ["parcels", "payments"])
def test_the_examples_of_tests_pass(tmp_path: Path, example: str) -> None:
    for name in (example, f"test_{example}"):
        shutil.copy(EXAMPLES / f"{name}.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"test_{example}.py"],
        check=False,
        cwd=tmp_path,
        env=unset(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, "3 passed" in done.stdout) == (0, True), done.stdout


def test_readme_and_guides_show_something() -> None:
    assert {"README.md", "DAILY_DEVELOPER_GUIDE.md", "docs/guides/easyflow_guide.md"} == set(SHOWN)


def test_every_example_of_the_guide_is_quoted() -> None:
    text = "".join((ROOT / document).read_text() for document in documents(ROOT))
    assert [name for name in MODULES if f"<!-- quoted: docs/guides/examples/{name}.py" not in text] == []


@pytest.mark.parametrize(
    ("output", "shown", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a", "a\n", True),
        ("a\nb", "a", False),
        ("b", "a", False),
        ("job 17 READY", "job … READY", True),
        ("job 17 FAILED", "job … READY", False),
        ("x\ny\nb", "…\nb", True),
        ("b", "…\nb", True),
        ("x\nb\nc", "…\nb", False),
        ("1+1", "1+1", True),
    ],
)
def test_an_output_is_compared_with_what_is_shown(output: str, shown: str, same: bool) -> None:
    assert is_as_shown(output, shown) is same


def test_each_command_of_a_block_is_told_apart(tmp_path: Path) -> None:
    block = Block("console run", "$ A=1\n$ echo $A; echo wrong >&2\n1\nwrong\n$ (exit 3)\n", 1, None)
    assert [(ran.code, ran.output) for ran in run_block(block, tmp_path, "http://localhost:1")] == [
        (0, ""),
        (0, "1\nwrong\n"),
        (3, ""),
    ]
