"""Commands that documents show: each `make` target, script and option must exist, for `easyflow` and for `npm run`."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typer

from easyflow.cli.main import COMMANDS
from easyflow.settings import Settings
from tests.support.documents import blocks, commands, spans

SHELLS = ("console", "sh", "bash")
# Not settings of EasyFlow itself: which PostgreSQL the tests run on, which image docker-compose.yml starts.
TEST_VARIABLES = {"EASYFLOW_TEST_POSTGRES", "EASYFLOW_TEST_EXAMPLES", "EASYFLOW_IMAGE"}

_SEPARATORS = {"&&", "||", "|", ";", "("}
_COMMAND = re.compile(r"(make|\./start-dev\.sh|(\.venv/bin/)?easyflow|npm|(\.\./)?scripts/\S+\.sh) ?")
_VARIABLE = re.compile(r"\bEASYFLOW_[A-Z_]+\b")


def wrong_commands(root: Path, document: Path) -> list[str]:
    """Every command in a document that would not work as it is written, one sentence each."""
    text = (root / document).read_text()
    shown = [command.words for block in blocks(text, *SHELLS) for command in commands(block)]
    shown += [span for span in spans(text) if _COMMAND.match(span)]
    return [f"{document}: `{words}`: {why}" for words in shown for why in faults(root, words)]


def wrong_variables(root: Path, document: Path) -> list[str]:
    """Every `EASYFLOW_*` in a document that is no setting."""
    known = {f"EASYFLOW_{name.upper()}" for name in Settings.model_fields} | TEST_VARIABLES
    named = set(_VARIABLE.findall((root / document).read_text()))
    return [f"{document}: {name} is no setting" for name in sorted(named - known)]


def faults(root: Path, line: str) -> Iterator[str]:
    """What is wrong with one line of shell, part by part."""
    for words in _parts(line):
        match words:
            case ["make", *rest]:
                yield from _make(root, rest)
            case ["./start-dev.sh", *rest]:
                yield from _easyflow(["dev", *rest])
            case ["easyflow" | ".venv/bin/easyflow", *rest]:
                yield from _easyflow(rest)
            case ["npm", "run", name, *_]:
                yield from _npm(root, name)
            case [script, *rest] if script.startswith(("scripts/", "../scripts/")):
                yield from _script(root, script.removeprefix("../"), rest)
            case [".venv/bin/python", script, *_] if script.endswith(".py") and not (root / script).is_file():
                yield f"there is no {script}"


def make_targets(root: Path) -> dict[str, list[str]]:
    """The targets of the Makefile and what each needs first."""
    lines = re.findall(r"^([a-z0-9-]+):(?!=)([^#\n]*)", (root / "Makefile").read_text(), re.MULTILINE)
    return {target: needs.split() for target, needs in lines}


def made_by(root: Path, target: str) -> list[str]:
    """The targets that the recipe of one target makes, in the order in which it names them."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (root / "Makefile").read_text(), re.MULTILINE)
    calls = re.findall(r"^\t@\$\(MAKE\) (.*)$", recipe[1] if recipe else "", re.MULTILINE)
    return [word for call in calls for word in call.split() if not word.startswith("-")]


def _parts(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, without variables set in front and redirections."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in _SEPARATORS:
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        elif not set(word) <= set("();<>|&"):
            words.append(word)


def _make(root: Path, words: list[str]) -> Iterator[str]:
    for word in words:
        if "=" not in word and word not in make_targets(root):
            yield f"the Makefile has no target {word}"


def _npm(root: Path, name: str) -> Iterator[str]:
    if name not in json.loads((root / "frontend" / "package.json").read_text())["scripts"]:
        yield f"frontend/package.json has no script {name}"


def _script(root: Path, script: str, words: list[str]) -> Iterator[str]:
    if not (root / script).is_file():
        yield f"there is no {script}"
    elif script == "scripts/with-node.sh":
        yield from faults(root, shlex.join(words))


def _easyflow(words: list[str]) -> Iterator[str]:
    if not words or words[0].startswith("-"):
        return
    if words[0] not in COMMANDS:
        yield f"there is no command easyflow {words[0]}"
        return
    command = _command(words[0])
    for word in words[1:]:
        if word.startswith("-") and word != "-":
            option = word.split("=")[0]
            if option not in _options(command):
                yield f"easyflow {words[0]} has no option {option}"
        elif (members := getattr(command, "commands", {})) and not word.startswith("-"):
            if word not in members:
                yield f"easyflow {words[0]} has no command {word}"
                return
            command = members[word]


@cache
def _command(name: str) -> Any:
    return typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)


def _options(command: Any) -> set[str]:
    named = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return named | {"--help", "-h"}
