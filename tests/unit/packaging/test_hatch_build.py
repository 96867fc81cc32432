"""The build hook: the dashboard is built when it is missing, and one sentence says when it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hatch_build import BUILT, DashboardHook, DashboardMissing, ensure_dashboard

BUILDS = f'#!/bin/sh\nmkdir -p ../{BUILT.parent}\necho "$*" >../{BUILT}\n'


def checkout(root: Path, *, setup: str = "#!/bin/sh\n", with_node: str = BUILDS) -> Path:
    """A checkout whose scripts are stand-ins."""
    (root / "frontend").mkdir()
    (root / "frontend/package.json").write_text("{}")
    (root / "scripts").mkdir()
    for name, text in (("setup-frontend.sh", setup), ("with-node.sh", with_node)):
        (root / "scripts" / name).write_text(text)
        (root / "scripts" / name).chmod(0o755)
    return root


def test_a_missing_dashboard_is_built_from_its_sources(tmp_path: Path) -> None:
    ensure_dashboard(checkout(tmp_path))
    assert (tmp_path / BUILT).read_text() == "npm run build\n"


def test_a_built_dashboard_is_taken_as_it_is(tmp_path: Path) -> None:
    checkout(tmp_path)
    (tmp_path / BUILT).parent.mkdir(parents=True)
    (tmp_path / BUILT).write_text("built before")
    ensure_dashboard(tmp_path)
    assert (tmp_path / BUILT).read_text() == "built before"


def test_without_sources_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DashboardMissing, match="its sources are not here: build from a checkout, or from a release"):
        ensure_dashboard(tmp_path)


@pytest.mark.parametrize("broken", ["setup", "with_node"])
def test_a_build_that_fails_is_one_sentence_with_its_last_words(tmp_path: Path, broken: str) -> None:
    failing = "#!/bin/sh\necho noise\necho 'no Node here' >&2\nexit 1\n"
    checkout(tmp_path, **{broken: failing})
    with pytest.raises(DashboardMissing, match=r"needs Node 20\.19 or newer and its packages: no Node here$"):
        ensure_dashboard(tmp_path)


def test_a_build_that_builds_nothing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(DashboardMissing, match="is missing"):
        ensure_dashboard(checkout(tmp_path, with_node="#!/bin/sh\n"))


@pytest.mark.parametrize(("version", "needed"), [("editable", False), ("standard", True)])
def test_an_editable_installation_does_without(tmp_path: Path, version: str, needed: bool) -> None:
    nothing: Any = None
    hook = DashboardHook(str(tmp_path), {}, nothing, nothing, "", "wheel")
    if needed:
        with pytest.raises(DashboardMissing):
            hook.initialize(version, {})
    else:
        hook.initialize(version, {})
