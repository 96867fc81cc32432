"""Guards that stand in Python: each mutant replaces one piece of text by another that no longer guards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.mutation.statements import Mutant


class Guard(NamedTuple):
    """What it keeps, where it stands, the text that keeps it, and what stands there without it."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...] = ()


ENGINE = "tests/integration/engine"
UNIT = "tests/unit"

# Where to look when a guard in Python is gone: these tests run no statement, or run it in a worker's process.
TESTS = (
    f"{UNIT}/domain",
    f"{UNIT}/engine/test_ledger.py",
    f"{UNIT}/engine/test_ledger_repeats.py",
    f"{UNIT}/engine/test_ledger_outcomes.py",
    f"{UNIT}/engine/test_attempt.py",
    f"{ENGINE}/test_effects.py",
)

GUARDS = (
    Guard(
        "T5 a call only under a claim that holds",
        "engine/ledger.py",
        'if not found["held"]:\n            raise LostClaim',
        "pass",
    ),
    Guard(
        "T5 the intent before the call",
        "engine/ledger.py",
        "found = yield Write(self._book.open(intent))",
        'found = {"held": True, "state": None}',
    ),
    Guard("T5 the last look at the lease", "engine/ledger.py", "if not self._book.may_act():", "if False:"),
    Guard(
        "T5 a recorded result instead of a call",
        "engine/ledger.py",
        'if found["state"] == EffectState.HAPPENED:',
        "if False:",
    ),
    Guard(
        "T5 the same request at the same place",
        "engine/ledger.py",
        'and found["request_hash"] != intent.request_hash',
        "and False",
    ),
    Guard(
        "T5 a result that counts only if it was accepted",
        "engine/ledger.py",
        "if not (yield Write(self._book.close(closing))):",
        "if (yield Write(self._book.close(closing))) is None:",
    ),
    Guard("T6 no success over an open effect", "engine/attempt.py", "self._ledger().require_closed()", "pass"),
    Guard("T13 an open effect that may not be repeated", "engine/ledger.py", "if earlier.in_doubt:", "if False:"),
    Guard("T13 the ledger over the handler's word", "engine/attempt.py", "if doubt is not None:", "if False:"),
    Guard(
        "T13 what only proof closes",
        "engine/ledger.py",
        "(is_definite(raised) and not repeated)",
        "isinstance(raised, Exception)",
    ),
    Guard(
        "T13 unsafe effects in doubt",
        "domain/effects.py",
        "self.effects is Effects.UNSAFE or self.expired",
        "self.expired",
    ),
    Guard(
        "T13 a receiver that may have forgotten",
        "domain/effects.py",
        "self.effects is Effects.UNSAFE or self.expired",
        "self.effects is Effects.UNSAFE",
    ),
    Guard("T13 before every budget", "domain/rescue.py", "    if in_doubt:\n", "    if False:\n"),
    Guard(
        "T13 the ledger of a child's attempt",
        "storage/leases.py",
        "if in_doubt else said",
        "if False else said",
        ("tests/integration/storage/test_verdicts.py",),
    ),
    Guard("T12 the limit of losses", "domain/rescue.py", "if losses + loss >= loss_limit and loss:", "if False:"),
    Guard(
        "T32 the limit of unstarted claims",
        "domain/rescue.py",
        "if unstarted + never_started >= limit and never_started:",
        "if False:",
    ),
    Guard(
        "T8 the limit of errors", "domain/outcome.py", "if not policy.allows(retry_count, max_attempts):", "if False:"
    ),
    Guard(
        "T14 the version as seen",
        "storage/in_doubt.py",
        'if doubt["version"] != seen_version:',
        "if False:",
        ("tests/integration/storage/test_in_doubt.py",),
    ),
    Guard(
        "T17 the version as seen",
        "storage/dead_letters.py",
        'if letter["version"] != seen_version:',
        "if False:",
        ("tests/integration/storage/test_dead_letters.py",),
    ),
    Guard(
        "T17 an open dead letter",
        "storage/dead_letters.py",
        'if letter["state"] != "open":',
        "if False:",
        ("tests/integration/storage/test_dead_letters.py",),
    ),
    Guard(
        "reconcile before a second call",
        "engine/ledger.py",
        'if found["state"] == EffectState.OPEN and found["effects"] == Effects.QUERYABLE:',
        "if False:",
    ),
    Guard(
        "T6 an unheard ending is read back",
        "engine/finisher.py",
        "if unheard:",
        "if False:",
        (f"{ENGINE}/test_unheard_endings.py",),
    ),
    Guard(
        "T1 an unheard submit is looked for",
        "storage/certainty.py",
        "found = await _look(lend, read_back)",
        "found = None",
        ("tests/integration/api/test_unheard_commits.py",),
    ),
    Guard(
        "T17 an unheard act is not repeated blindly",
        "storage/acts.py",
        "return kept and replace(kept, replayed=False)",
        "return None",
        ("tests/integration/api/test_unheard_commits.py", "tests/integration/api/test_acts.py"),
    ),
    Guard(
        "T15 one key, one act",
        "storage/acts.py",
        'if row["digest"] != digest:',
        "if False:",
        ("tests/integration/api/test_acts.py",),
    ),
    Guard(
        "T33 a server compared before its first claim",
        "engine/timeline.py",
        "return self._all if standing.open and not self._told_paused else self._unguarded",
        "return self._all",
        (f"{ENGINE}/test_timeline_guard.py", "tests/chaos/test_timeline_failover.py"),
    ),
    Guard(
        "T3 nothing from a standby",
        "engine/timeline.py",
        "        if standing.standby:\n            return []\n",
        "",
        (f"{ENGINE}/test_timeline_guard.py", "tests/chaos/test_timeline_failover.py"),
    ),
)


def mutants(root: Path) -> Iterator[tuple[Mutant, str]]:
    """Yield the mutants and the guards' texts; raises LookupError for a guard that does not stand where it should."""
    for guard in GUARDS:
        file = root / "backend" / "easyflow" / guard.file
        whole = file.read_text()
        if whole.count(guard.text) != 1:
            raise LookupError(f"{guard.file} must hold exactly once: {guard.text}")
        yield Mutant(guard.name, file, whole.replace(guard.text, guard.without), whole), guard.text


def tests_of(name: str) -> list[str]:
    """Return where to look when this guard is gone."""
    (guard,) = [each for each in GUARDS if each.name == name]
    return list(guard.tests or TESTS)
