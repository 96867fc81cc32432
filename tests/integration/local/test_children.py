"""Children that are kept alive, over trivial commands."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from easyflow.local.back_off import BackOff
from easyflow.local.children import Child
from easyflow.local.terminal import Terminal
from tests.support.processes import is_alive
from tests.support.waiting import within

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
print(below.pid, flush=True)
time.sleep(60)
"""
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("drained", flush=True), sys.exit(0)))
print("working", flush=True)
time.sleep(60)
"""

Make = Callable[[str], Child]


@pytest.fixture
def screen() -> io.StringIO:
    """What the person would see."""
    return io.StringIO()


@pytest.fixture
def make(tmp_path: Path, screen: io.StringIO) -> Iterator[Make]:
    """Makes a child out of a piece of Python; all are ended afterwards."""
    made: list[Child] = []

    def make_child(source: str) -> Child:
        made.append(
            Child(
                "worker",
                [sys.executable, "-c", source],
                environment=dict(os.environ),
                folder=tmp_path,
                terminal=Terminal(screen),
                back_off=BackOff(first_seconds=0.05, most_seconds=0.1),
            )
        )
        return made[-1]

    yield make_child
    for child in made:
        child.stop(0, hurry=lambda: True)


def test_a_child_that_dies_is_started_again_with_a_line_saying_so(make: Make, screen: io.StringIO) -> None:
    child = make("print('hello', flush=True); import time; time.sleep(60)")
    child.start()
    within(10, lambda: "hello" in screen.getvalue())
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        child.look()
        return screen.getvalue().count("hello") == 2

    within(10, is_back)
    assert child.pid != first
    assert "[worker] was killed by signal 9 (Killed); it starts again in 0.05 s\n" in screen.getvalue()


def test_one_that_always_dies_waits_longer_each_time(make: Make, screen: io.StringIO) -> None:
    child = make("raise SystemExit(3)")
    child.start()

    def died_three_times() -> bool:
        child.look()
        return screen.getvalue().count("ended with exit code 3") == 3

    within(10, died_three_times)
    waits = [line.rpartition(" in ")[2] for line in screen.getvalue().splitlines()]
    assert waits == ["0.05 s", "0.1 s", "0.1 s"]


def test_a_polite_child_is_left_to_finish_and_its_last_words_are_shown(make: Make, screen: io.StringIO) -> None:
    child = make(POLITE)
    child.start()
    within(10, lambda: "working" in screen.getvalue())
    child.stop(10, hurry=lambda: False)
    assert child.exit_code == 0
    assert screen.getvalue() == "[worker] working\n[worker] drained\n"


def test_one_that_does_not_end_in_time_is_killed_with_what_it_started(make: Make, screen: io.StringIO) -> None:
    child = make(STUBBORN)
    child.start()
    within(10, lambda: screen.getvalue().endswith("\n"))
    below = int(screen.getvalue().split()[1])
    assert is_alive(below)
    child.stop(0.1, hurry=lambda: False)
    assert child.exit_code == -signal.SIGKILL
    within(5, lambda: not is_alive(below))
    assert "did not end in time and was killed" in screen.getvalue()


def test_a_second_ctrl_c_shortens_the_grace(make: Make, screen: io.StringIO) -> None:
    child = make(STUBBORN)
    child.start()
    within(10, lambda: screen.getvalue().endswith("\n"))
    child.stop(3600, hurry=lambda: True)
    assert child.exit_code == -signal.SIGKILL


def test_a_stop_ends_this_child_and_nothing_else(make: Make, screen: io.StringIO) -> None:
    stopped, other = make(POLITE), make(POLITE)
    stopped.start()
    other.start()
    within(10, lambda: screen.getvalue().count("working") == 2)
    stopped.stop(10, hurry=lambda: False)
    assert stopped.pid is None
    assert other.pid is not None


def test_a_child_is_out_of_reach_of_ctrl_c_in_our_terminal(make: Make) -> None:
    child = make(POLITE)
    child.start()
    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_command_that_runs_to_its_end_gives_its_exit_code(make: Make, screen: io.StringIO) -> None:
    assert make("print('done'); raise SystemExit(4)").run_to_end(cancelled=lambda: False) == 4
    assert screen.getvalue() == "[worker] done\n"


def test_a_command_that_runs_to_its_end_can_be_cancelled(make: Make) -> None:
    child = make("import time; time.sleep(60)")
    assert child.run_to_end(cancelled=lambda: True) == -signal.SIGTERM
