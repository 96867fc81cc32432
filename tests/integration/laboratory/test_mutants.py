"""Mutants of statements are statements: a test that fails on one has noticed what is missing, not a broken text."""

from __future__ import annotations

from easyflow.storage.sql import Statement
from tests.conftest import Connect
from tests.mutation import statements
from tests.support.project import ROOT


async def test_the_database_understands_every_statement_with_and_without_each_of_its_guards(connect: Connect) -> None:
    connection = await connect()
    found = [mutant for file in statements.guarded(ROOT) for mutant in statements.mutants(file)]
    assert len(found) > 200
    assert len({mutant.guard for mutant in found}) == len(found)
    for mutant in found:
        for text in (mutant.whole, mutant.text):
            await connection.prepare(Statement(mutant.file.stem, text).text)
        assert mutant.text != mutant.whole
