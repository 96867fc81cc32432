"""Each decision page is in the index and names tests that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.decisions import is_a_test, problems
from tests.support.project import ROOT

PAGE = "# 0001. We fence\n\nHeld by: tests/test_fence.py::test_a_stale_finish_is_refused\n"

INDEX = "[0001](0001-fence.md)\n"
TESTS = """
class TestFence:
    def test_inner(self): ...

async def test_a_stale_finish_is_refused(): ...

def plain(): ...
"""

WRONG = {
    "a page that names no test": (PAGE.replace("Held by", "See"), "names no test that holds it"),
    "a test file that is not there": (PAGE.replace("test_fence", "test_gone"), "test_gone.py::"),
    "a test that is not there": (PAGE.replace("refused", "welcomed"), "welcomed, which is not there"),
    "a file in place of a test": (PAGE.replace("::test_a_stale_finish_is_refused", ""), "which is not there"),
    "a page that is too long": (PAGE + "\n" * 80, "longer than one page"),
}


def decisions(root: Path, page: str = PAGE, index: str = INDEX, name: str = "0001-fence.md") -> Path:
    folder = root / "docs" / "decisions"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(index)
    (folder / name).write_text(page)
    (root / "tests").mkdir()
    (root / "tests" / "test_fence.py").write_text(TESTS)
    return root


def test_every_decision_is_in_the_index_and_held_by_tests_that_exist() -> None:
    assert problems(ROOT) == []


def test_a_good_page_is_left_alone(tmp_path: Path) -> None:
    assert problems(decisions(tmp_path)) == []


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_page_is_caught(case: str, tmp_path: Path) -> None:
    page, sentence = WRONG[case]
    found = problems(decisions(tmp_path, page))
    assert len(found) == 1
    assert sentence in found[0]


def test_a_page_outside_the_index_and_an_entry_without_page_are_caught(tmp_path: Path) -> None:
    found = problems(decisions(tmp_path, index="[0002](0002-gone.md)\n"))
    assert found == ["0001-fence.md is not in the index", "the index names 0002-gone.md, which is not there"]


def test_a_number_used_twice_is_caught(tmp_path: Path) -> None:
    root = decisions(tmp_path, index="[1](0001-fence.md) [2](0001-lease.md)\n")
    (root / "docs" / "decisions" / "0001-lease.md").write_text(PAGE)
    assert problems(root) == ["the number 0001 is used twice"]


def test_a_page_with_another_kind_of_name_is_caught(tmp_path: Path) -> None:
    found = problems(decisions(tmp_path, name="Fence.md", index=""))
    assert "Fence.md should be named NNNN-title.md" in found


def test_only_tests_count_as_tests(tmp_path: Path) -> None:
    root = decisions(tmp_path)
    assert is_a_test(root, "tests/test_fence.py::TestFence::test_inner")
    assert not is_a_test(root, "tests/test_fence.py::TestFence::test_other")
    assert not is_a_test(root, "tests/test_fence.py::plain")
