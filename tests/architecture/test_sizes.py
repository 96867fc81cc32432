"""Files and functions stay short enough to read in one go."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import ROOT
from tests.support.sizes import oversized

# `path` or `path::Class.function` -> why this one may be longer, as a sentence.
EXCEPTIONS: dict[str, str] = {
    "frontend/src/generated/api.d.ts": "Nobody reads it: openapi-typescript makes it from the OpenAPI document.",
}


def long_function(name: str, lines: int, indent: str = "") -> str:
    return "\n".join([f"{indent}def {name}():", *[f"{indent}    x = 1"] * (lines - 1)]) + "\n"


def test_no_file_and_no_function_is_too_long() -> None:
    assert [sentence for name, sentence in oversized(ROOT).items() if name not in EXCEPTIONS] == []


def test_every_exception_is_still_needed() -> None:
    assert [name for name in EXCEPTIONS if name not in oversized(ROOT)] == []


def test_every_exception_gives_its_reason() -> None:
    assert [name for name, reason in EXCEPTIONS.items() if len(reason.split()) < 5] == []


def test_a_file_of_301_lines_is_caught_and_one_of_300_is_not(tmp_path: Path) -> None:
    for suffix in ("py", "sh", "ts", "tsx"):
        (tmp_path / f"long.{suffix}").write_text("\n" * 301)
        (tmp_path / f"short.{suffix}").write_text("\n" * 300)
    assert sorted(oversized(tmp_path)) == ["long.py", "long.sh", "long.ts", "long.tsx"]


def test_a_shell_script_without_suffix_counts(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/usr/bin/env bash\n" + "\n" * 300)
    assert sorted(oversized(tmp_path)) == ["run"]


def test_a_function_of_41_lines_is_caught_wherever_it_is(tmp_path: Path) -> None:
    source = long_function("short", 40) + long_function("outer", 41)
    source += "class Box:\n" + long_function("method", 41, "    ").replace("def", "async def")
    (tmp_path / "a.py").write_text(source)
    assert sorted(oversized(tmp_path)) == ["a.py::Box.method", "a.py::outer"]


def test_a_function_inside_a_function_is_counted_for_itself(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def outer():\n    if True:\n" + long_function("inner", 41, "        "))
    assert sorted(oversized(tmp_path)) == ["a.py::outer", "a.py::outer.inner"]


def test_a_docstring_does_not_count_until_the_whole_passes_60_lines(tmp_path: Path) -> None:
    def documented(name: str, docstring_lines: int) -> str:
        text = '    """Say.\n' + "\n" * (docstring_lines - 2) + '    """\n'
        return f"def {name}():\n{text}" + "    x = 1\n" * 39

    (tmp_path / "a.py").write_text(documented("short", 20) + documented("long", 21))
    assert sorted(oversized(tmp_path)) == ["a.py::long"]


def test_a_shell_function_of_41_lines_is_caught(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("long() {\n" + "  true\n" * 39 + "}\nshort() {\n" + "  true\n" * 38 + "}\n")
    assert sorted(oversized(tmp_path)) == ["a.sh::long"]
