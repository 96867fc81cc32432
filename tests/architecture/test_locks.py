"""The locks tie every package to its content and name no place to fetch it from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.locks import NODE_LOCK, PYTHON_LOCKS, addresses, declared, pins, unhashed
from tests.support.project import ROOT

PLANTED = {
    "an index": ("requirements/runtime.txt", "--index-url https://packages.example.org/simple\n"),
    "a place to look": ("requirements/dev.txt", "--find-links wheels\n"),
    "a short option": ("requirements/dev.txt", "-i somewhere\n"),
    "a place for the start's packages": ("requirements/local.txt", "--trusted-host somewhere\n"),
    "an index for Node": ("requirements/node.txt", "--extra-index-url somewhere\n"),
    "a direct reference": ("requirements/bootstrap.txt", "uv @ file:wheels/uv.whl\n"),
    "a resolved address": (NODE_LOCK, '{"packages": {"node_modules/a": {"resolved": "a.tgz"}}}\n'),
    "a donation page": (NODE_LOCK, '{"funding": {"url": "https://example.org/give"}}\n'),
}


def test_no_lock_names_an_address() -> None:
    assert addresses(ROOT) == []


def test_every_locked_package_is_tied_to_its_content() -> None:
    assert unhashed(ROOT) == []


def test_every_lock_of_the_project_is_looked_at() -> None:
    assert sorted(f"requirements/{lock.name}" for lock in (ROOT / "requirements").glob("*.txt")) == sorted(PYTHON_LOCKS)


@pytest.mark.parametrize(("kind", "extra"), [("runtime", None), ("local", "local")])
def test_a_lock_holds_every_declared_package(kind: str, extra: str | None) -> None:
    assert declared(ROOT, extra) - set(pins(ROOT, f"requirements/{kind}.txt")) == set()


@pytest.mark.parametrize(("less", "more"), [("runtime", "local"), ("local", "dev")])
def test_a_larger_environment_holds_exactly_the_versions_of_the_smaller(less: str, more: str) -> None:
    wanted, held = (pins(ROOT, f"requirements/{name}.txt") for name in (less, more))
    assert {name: held.get(name) for name in wanted} == wanted


def test_the_lock_of_node_names_the_version_that_was_asked_for() -> None:
    asked = (ROOT / "requirements" / "node.in").read_text().strip().partition("==")
    assert pins(ROOT, "requirements/node.txt")[asked[0]] == asked[2]


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_address_is_caught(case: str, tmp_path: Path) -> None:
    name, text = PLANTED[case]
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(text)
    assert len(addresses(tmp_path)) == 1


def test_a_package_without_hash_is_caught(tmp_path: Path) -> None:
    for name in PYTHON_LOCKS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("safe==1.0 \\\n    --hash=sha256:00\nloose==2.0\n")
    (tmp_path / NODE_LOCK).parent.mkdir()
    packages = '{"": {}, "node_modules/a": {"version": "1"}, "node_modules/b/node_modules/c": {"inBundle": true}}'
    (tmp_path / NODE_LOCK).write_text(f'{{"packages": {packages}}}')
    assert unhashed(tmp_path) == [*(f"{name}: loose==2.0" for name in PYTHON_LOCKS), f"{NODE_LOCK}: node_modules/a"]
