"""Whatever stands against a command is one sentence on standard error; nothing says a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyflow.storage.sql import Connection
from tests.integration.cli.conftest import Easyflow

COMMANDS = [
    ["jobs", "list"],
    ["dlq", "list", "--json"],
    ["queues", "list"],
    ["workers"],
    ["check"],
    ["submit", "demo.noop"],
    ["migrate"],
    ["demo", "mainframe"],
]
NEED_THE_SCHEMA = [words for words in COMMANDS if words != ["migrate"]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ann:secret@127.0.0.1:1/nowhere", "cannot reach postgresql://ann@127.0.0.1:1/nowhere"),
        ("mysql://ann:secret@127.0.0.1/nowhere", "must begin with postgresql://"),
    ],
)
async def test_a_database_that_is_not_there_is_one_sentence(
    easyflow: Easyflow, words: list[str], url: str, says: str
) -> None:
    done = await easyflow(*words, EASYFLOW_DATABASE_URL=url)
    assert (done.code, done.out) == (1, "")
    assert says in done.sentence
    assert "secret" not in done.sentence


async def test_a_wrong_password_is_one_sentence(easyflow: Easyflow, database_url: str) -> None:
    url = database_url.replace(database_url.split("@")[0], "postgresql://easyflow:secret")
    done = await easyflow("jobs", "list", EASYFLOW_DATABASE_URL=url)
    assert done.code == 1
    assert "password authentication failed" in done.sentence
    assert "secret" not in done.sentence


@pytest.mark.parametrize("words", NEED_THE_SCHEMA, ids=" ".join)
async def test_a_database_without_the_schema_is_told_to_migrate(
    easyflow: Easyflow, database: Connection, words: list[str]
) -> None:
    await database.execute("drop schema easyflow cascade")
    done = await easyflow(*words)
    assert (done.code, done.out) == (1, "")
    assert "run `easyflow migrate`" in done.sentence


async def test_without_a_database_it_says_what_to_do(
    easyflow: Easyflow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EASYFLOW_DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    done = await easyflow("jobs", "list")
    assert done.code == 1
    assert "EASYFLOW_DATABASE_URL is not set and no development stack runs in this folder" in done.sentence


async def test_the_stack_of_this_folder_is_found_without_any_setting(
    easyflow: Easyflow, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Set and unset, so that what joining the stack sets is taken back at the end.
    for name in ("EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL", "EASYFLOW_MODE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / ".easyflow").mkdir()
    shared = tmp_path / ".easyflow" / "environment"
    shared.touch(mode=0o600)
    shared.write_text(f"export EASYFLOW_DATABASE_URL={database_url}\nexport EASYFLOW_MODE=development\n")
    monkeypatch.chdir(tmp_path)
    assert (await easyflow("jobs", "list")).out == "No such jobs.\n"


async def test_a_wrong_setting_is_one_sentence(easyflow: Easyflow) -> None:
    done = await easyflow("jobs", "list", EASYFLOW_API_PORT="none", EASYFLOW_CONCURRENCY="0")
    assert done.code == 1
    assert "EASYFLOW_API_PORT" in done.sentence
    assert "EASYFLOW_CONCURRENCY" in done.sentence


@pytest.mark.parametrize("queues", ["", ",", "two words", "ok,-"])
async def test_a_worker_without_a_queue_does_not_start(easyflow: Easyflow, queues: str) -> None:
    done = await easyflow("worker", "--queues", queues)
    assert done.code == 2
    assert "names no queues" in done.sentence


async def test_a_worker_whose_tasks_cannot_be_loaded_does_not_start(easyflow: Easyflow) -> None:
    done = await easyflow("worker", "--tasks", "there.is.no.such.module")
    assert done.code == 1
    assert "cannot load tasks from there.is.no.such.module" in done.sentence


async def test_without_a_key_the_api_listens_on_this_machine_only(easyflow: Easyflow) -> None:
    done = await easyflow("api", "--host", "0.0.0.0")  # noqa: S104 - that is what is refused
    assert done.code == 1
    assert "set EASYFLOW_API_KEY, or listen on localhost" in done.sentence
