"""The parts of documents that are made from code, and the code they quote, are up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyflow.settings import Settings
from scripts.generated_docs import DOCUMENTS, PARTS, rewritten
from tests.support.documents import Block, blocks, documents, table
from tests.support.project import ROOT
from tests.support.references import source_of

QUOTES = [
    pytest.param(document, block, id=f"{document}:{block.line}")
    for document in documents(ROOT)
    for block in blocks((ROOT / document).read_text(), "python")
]


@pytest.mark.parametrize("document", documents(ROOT), ids=str)
def test_the_generated_parts_are_those_of_the_code(document: Path) -> None:
    text = (ROOT / document).read_text()
    assert text == rewritten(text), "run: .venv/bin/python scripts/generated_docs.py"


def test_every_part_is_in_a_document() -> None:
    text = "".join((ROOT / document).read_text() for document in DOCUMENTS)
    assert [part for part in PARTS if f"<!-- generated: {part} -->" not in text] == []


def test_the_table_of_settings_has_every_setting_with_its_default() -> None:
    text = (ROOT / "docs/guides/easyflow_guide.md").read_text()
    rows = {row[0].strip("`"): row[1].strip("`") for row in table(text, "variable", "default", "meaning")}
    assert set(rows) == {f"EASYFLOW_{name.upper()}" for name in Settings.model_fields}
    assert rows["EASYFLOW_LEASE_SECONDS"] == str(Settings.model_fields["lease_seconds"].default)
    assert rows["EASYFLOW_DATABASE_URL"] == "–"


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_part_that_is_out_of_date_is_rewritten() -> None:
    old = "a\n<!-- generated: states -->\nold\n<!-- end generated -->\nb\n"
    assert "T3 worker" in rewritten(old)
    assert rewritten(old).startswith("a\n<!-- generated: states -->\n```mermaid\n")
    assert rewritten(rewritten(old)) == rewritten(old)


@pytest.mark.parametrize(("document", "block"), QUOTES)
def test_python_in_a_document_is_quoted_from_code_that_runs(document: Path, block: Block) -> None:
    assert block.source is not None, f"{document}: put `<!-- quoted: path -->` above the block"
    assert block.text == source_of(ROOT, block.source)


def test_a_symbol_is_quoted_with_its_decorators() -> None:
    quoted = source_of(ROOT, "docs/guides/examples/greetings.py:greet")
    assert quoted.splitlines()[0] == '@task("greetings.greet", effects="pure")'
    assert quoted.splitlines()[-1] == '    return f"Hello, {payload.name}!"'
