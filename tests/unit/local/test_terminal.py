"""What the person at the terminal sees."""

from __future__ import annotations

import io

import pytest

from easyflow.local.terminal import Terminal


class Screen(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines_of_children_carry_their_name() -> None:
    out = io.StringIO()
    Terminal(out).line("api", "listening")
    assert out.getvalue() == "[api] listening\n"


def test_names_are_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    Terminal(screen).line("api", "listening")
    assert screen.getvalue() == "\x1b[36m[api]\x1b[0m listening\n"
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Screen()
    Terminal(plain).line("api", "listening")
    assert plain.getvalue() == "[api] listening\n"


def test_a_closed_terminal_does_not_keep_us_from_stopping_things() -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    out.close()
    terminal.say("Stopping")
