"""Reads docker-compose.yml as Compose does: variables filled in, refused when a required one is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class NotSet(Exception):
    """A variable without which Compose does not start; the message is what the file says to do."""


@dataclass(frozen=True)
class Service:
    """One service, and what of it can be held or tried without Docker."""

    name: str
    words: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """The variables its process gets."""
        return {name: str(value) for name, value in self.words.get("environment", {}).items()}

    @property
    def command(self) -> list[str]:
        """The words behind the entrypoint of the image."""
        return [str(word) for word in self.words.get("command", [])]

    @property
    def conditions(self) -> dict[str, str]:
        """What has to have become of other services before this one starts: service -> condition."""
        return {name: str(wanted["condition"]) for name, wanted in self.words.get("depends_on", {}).items()}

    @property
    def health(self) -> list[str]:
        """The command that tells whether it is well; empty when there is none."""
        check = self.words.get("healthcheck", {})
        if check.get("disable") or "test" not in check:
            return []
        kind, *words = check["test"]
        if kind != "CMD":
            raise ValueError(f"{self.name}: write its health check as a list that begins with CMD")
        return [str(word) for word in words]

    @property
    def stop_seconds(self) -> float:
        """How long it gets from SIGTERM to its end; 10 s is Docker's own default."""
        return seconds(str(self.words.get("stop_grace_period", "10s")))

    @property
    def tmpfs(self) -> tuple[str, ...]:
        """The folders it may write to, in memory."""
        return tuple(str(entry).partition(":")[0] for entry in self.words.get("tmpfs", []))


def read_services(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """The services by name, in the order of the file; raises NotSet when a required variable is empty."""
    loaded = YAML(typ="safe").load(path)
    return {name: Service(name, _filled(words, variables)) for name, words in loaded["services"].items()}


def variables_of(path: Path) -> set[str]:
    """The names of all variables that the file asks for."""
    return {found["name"] for found in _VARIABLE.finditer(path.read_text()) if found["name"]}


def in_order(services: Mapping[str, Service]) -> Iterator[Service]:
    """The services, each behind those it waits for; raises ValueError when two wait for each other."""
    waiting = dict(services)
    while waiting:
        free = [name for name, service in waiting.items() if not set(service.conditions) & set(waiting)]
        if not free:
            raise ValueError(f"{', '.join(waiting)} wait for each other")
        yield from (waiting.pop(name) for name in free)


def seconds(text: str) -> float:
    """A duration as Compose writes it, such as 1m30s."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    return _VARIABLE.sub(lambda found: _value(found, variables), node) if isinstance(node, str) else node


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["name"] is None:
        return "$"
    value = variables.get(found["name"], "")
    if not value and found["kind"] == "?":
        raise NotSet(f"required variable {found['name']} is missing a value: {found['rest']}")
    return value or (found["rest"] if found["kind"] == "-" else "")
