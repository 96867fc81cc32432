"""The figures that the guide names are those of the code."""

from __future__ import annotations

import inspect
import re

import pytest

from easyflow.access.sessions import LIFETIME_SECONDS
from easyflow.access.sign_ins import MOST_FAILURES, WINDOW_SECONDS
from easyflow.api.live_updates import MOST_SEATS
from easyflow.api.metrics import FRESH_SECONDS, MOST_QUEUES, OTHER_QUEUES, READING_SECONDS
from easyflow.api.queries import LARGEST_PAGE, PAGE_SIZE
from easyflow.api.routes.jobs import LONGEST_WAIT_SECONDS
from easyflow.client import AsyncClient, Client
from easyflow.domain.inspection import DEPTH_LIMIT, DIGIT_LIMIT, VALUE_LIMIT
from easyflow.storage import composing, stats
from easyflow.storage.lookup import FOUND_AT_MOST, RECENT_JOBS, RECENT_LETTERS
from tests.support.project import ROOT

GUIDE = (ROOT / "docs/guides/easyflow_guide.md").read_text()
WORDS = {2: "two", 5: "five", 10: "ten", 12: "twelve"}
PATIENCE = {
    name: parameter.default
    for name, parameter in inspect.signature(Client).parameters.items()
    if name.endswith("_seconds")
}

SAID = [
    f"`limit` is {PAGE_SIZE} unless you say otherwise, and {LARGEST_PAGE} at most.",
    f"Totals of lists stop at {composing.COUNTED_AT_MOST:,}, those of the overview at {stats.COUNTED_AT_MOST:,};",
    f"the {WORDS[stats.CAUSES_SHOWN]} most frequent causes among the newest {stats.COUNTED_AT_MOST:,} open",
    f"| nesting | {DEPTH_LIMIT} levels |",
    f"| a number | {DIGIT_LIMIT} digits;",
    f"| values in one document | {VALUE_LIMIT:,} |",
    f"| waiting for the end of a job | `wait_seconds={LONGEST_WAIT_SECONDS}` |",
    f"the latest {LARGEST_PAGE} events",
    f"At most {FOUND_AT_MOST} are answered.",
    f"the newest {RECENT_JOBS:,} jobs and the newest {RECENT_LETTERS:,} open dead letters",
    f"A process holds {MOST_SEATS} streams;",
    f"It lasts {WORDS[LIFETIME_SECONDS // 3600]} hours.",
    f"{WORDS[MOST_FAILURES].title()} wrong keys within a minute let everybody wait",
    f"is read at most every {WORDS[int(FRESH_SECONDS)]} seconds",
    f"When the counts take longer than {WORDS[int(READING_SECONDS)]} seconds",
    f"The {MOST_QUEUES} fullest queues have their names, the others are summed up as `{OTHER_QUEUES}`.",
    f"One try takes up to `timeout_seconds` ({PATIENCE['timeout_seconds']:g}), "
    f"all of them together up to `patience_seconds` ({PATIENCE['patience_seconds']:g}).",
]


@pytest.mark.parametrize("words", SAID)
def test_the_guide_says_what_the_code_does(words: str) -> None:
    assert words in GUIDE


def test_both_clients_have_the_same_patience() -> None:
    both = [inspect.signature(kind).parameters for kind in (Client, AsyncClient)]
    assert all(both[0][name].default == both[1][name].default for name in PATIENCE)


def test_failed_sign_ins_are_counted_over_a_minute() -> None:
    assert WINDOW_SECONDS == 60


def test_the_page_polls_as_often_as_the_guide_says() -> None:
    live = (ROOT / "frontend/src/lib/live/live-updates.ts").read_text()
    every = re.search(r"POLL_MILLISECONDS = ([\d_]+);", live)
    assert every is not None
    assert f"the page asks every {WORDS[int(every[1]) // 1000]} seconds" in GUIDE
