"""`easyflow workflow`: definitions from files, from stdin and from task modules, without a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from easyflow.cli.tasks import workflows_of
from easyflow.domain import document
from easyflow.domain.workflow.graph import mermaid
from easyflow.domain.workflow.reading import read
from easyflow.domain.workflow.schema import published
from easyflow.errors import Misconfigured
from tests.support.command_line import call
from tests.support.definitions import CLAIMS, step, workflow

SHOP = """
from easyflow import Workflow

w = Workflow("shop.order", description="One order.")
a = w.step("pack", "shop.pack", {"order": w.input.order})
w.step("send", "shop.send", needs=a, when=a.result.heavy == False, compensate_with="shop.recall")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with definitions and a task module, and no database anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("EASYFLOW_TASKS", "EASYFLOW_DATABASE_URL", "EASYFLOW_DATABASE_DIRECT_URL"):
        monkeypatch.delenv(name, raising=False)
    Path("claims.json").write_text(document.dumps(CLAIMS))
    Path("wrong.json").write_text(document.dumps(workflow(step("a", "b"), step("c", fail={}), name="wrong")))
    Path("broken.json").write_text('{"name": "a",}')
    changed = {**CLAIMS, "deadline_seconds": 60, "steps": [*CLAIMS["steps"], step("more", "archive")]}
    Path("new.json").write_text(document.dumps(changed))
    Path("shop.py").write_text(SHOP)
    return tmp_path


async def test_a_right_definition_is_said_to_be_right() -> None:
    told = await call("workflow", "validate", "claims.json")
    assert (told.code, told.err) == (0, "")
    assert told.out == "claims.settle is a workflow of 9 steps; nothing is wrong with it\n"
    asked = await call("workflow", "validate", "claims.json", "--json")
    assert asked.json == {"valid": True, "digest": read(CLAIMS).digest.hex(), "problems": []}


async def test_every_problem_is_told_with_its_place_and_the_exit_code_is_one() -> None:
    told = await call("workflow", "validate", "wrong.json")
    assert told.code == 1
    assert told.out.splitlines() == ['steps.a.needs: there is no step "b"', 'steps.c.fail: "reason" is missing']
    assert told.sentence == "EasyFlow: wrong has 2 problems; nothing else stands against it"
    asked = await call("workflow", "validate", "wrong.json", "--json")
    assert (asked.code, asked.json["valid"]) == (1, False)
    assert [problem["at"] for problem in asked.json["problems"]] == ["steps.a.needs", "steps.c.fail"]


async def test_a_definition_comes_from_stdin_too() -> None:
    told = await call("workflow", "validate", "-", answer='{"steps": [{"name": "a", "task": "t"}]}')
    assert (told.code, told.out) == (1, 'definition: "name" is missing\n')
    assert told.sentence == "EasyFlow: stdin has one problem; nothing else stands against it"
    assert (await call("workflow", "graph", "-", answer=document.dumps(CLAIMS))).code == 0


async def test_a_definition_comes_from_a_task_module() -> None:
    told = await call("workflow", "validate", "shop.order", "--tasks", "shop")
    assert told.out == "shop.order is a workflow of 2 steps; nothing is wrong with it\n"
    assert (await call("workflow", "validate", "shop.order", EASYFLOW_TASKS="shop")).code == 0
    unknown = await call("workflow", "validate", "shop.oder", "--tasks", "shop")
    assert unknown.code == 1
    assert unknown.sentence == (
        "EasyFlow: there is no file shop.oder, and no workflow of that name in the task modules: there are shop.order"
    )
    nothing = await call("workflow", "validate", "claims")
    assert nothing.sentence.endswith("in the task modules: they have none; name others with --tasks")


async def test_what_is_no_json_is_told_with_its_place() -> None:
    told = await call("workflow", "show", "broken.json")
    assert (told.code, told.out) == (1, "")
    assert told.sentence.startswith("EasyFlow: broken.json: not JSON: ")
    assert "line 1" in told.sentence


async def test_show_tells_step_by_step_behind_what_each_needs() -> None:
    told = await call("workflow", "show", "claims.json")
    lines = told.out.splitlines()
    assert lines[:6] == [
        "name         claims.settle",
        "description  From a file of claims to money.",
        f"digest       {read(CLAIMS).digest.hex()}",
        "key          ${input.policy} (refuse)",
        "deadline     86400 s",
        "compensates  when a person asks",
    ]
    assert [line.split()[0] for line in lines[7:]] == [
        *("step", "parse", "mail", "validate", "approve", "refused", "pay", "rest", "morning", "archive"),
    ]
    cells = [" ".join(line.split()) for line in lines[7:]]
    assert cells[6] == "pay task claims.pay approve steps.approve.result.approved skip claims.refund"
    assert cells[8] == "morning sleeps any: rest - fail -"
    asked = await call("workflow", "show", "claims.json", "--json")
    assert asked.json["definition"] == json.loads(document.dumps(read(CLAIMS).document))


async def test_show_of_a_wrong_definition_is_one_sentence() -> None:
    told = await call("workflow", "show", "wrong.json")
    assert told.code == 1
    assert told.sentence == (
        'EasyFlow: the definition does not fit: steps.a.needs: there is no step "b"; steps.c.fail: "reason" is missing'
    )


async def test_diff_tells_what_changed() -> None:
    told = await call("workflow", "diff", "claims.json", "new.json")
    assert (told.code, told.out) == (0, "~ deadline_seconds: 86400 → 60\n+ steps.more: task t\n")
    same = await call("workflow", "diff", "claims.json", "claims.json")
    assert (same.code, same.out) == (0, "nothing changed\n")
    asked = await call("workflow", "diff", "claims.json", "new.json", "--json")
    assert asked.json["changes"][0] == {"kind": "changed", "at": "deadline_seconds", "before": 86400, "after": 60}
    assert asked.json["changes"][1]["after"]["name"] == "more"


async def test_graph_prints_mermaid_and_schema_the_published_schema() -> None:
    assert (await call("workflow", "graph", "claims.json")).out == mermaid(read(CLAIMS)) + "\n"
    assert (await call("workflow", "schema")).out == published()


def test_workflows_of_modules_are_looked_up_in_a_process_of_their_own() -> None:
    found = workflows_of(["shop"])
    assert [*found] == ["shop.order"]
    assert read(found["shop.order"]).by_name["send"].compensation is not None
    Path("shop.py").write_text(SHOP + 'Workflow("shop.order")\n')
    with pytest.raises(Misconfigured, match=r"two workflows are called shop\.order, and they differ; rename one"):
        workflows_of(["shop"])
