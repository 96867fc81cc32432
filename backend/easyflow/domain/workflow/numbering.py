"""The numbers by which the database knows the steps of a run: they outlive a move to another version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from easyflow.domain.workflow.definition import Definition

MOST_NUMBERS = 32_767

# At each number the name of its step; None: the step is gone, and its number is never given again.
Numbers = Sequence[str | None]


def numbers_of(definition: Definition) -> Numbers:
    """Return the numbers of a run that never moved: the places of its steps in the definition."""
    return [step.name for step in definition.steps]


def numbers_after(numbers: Numbers, images: Mapping[str, str], new: Definition) -> Numbers:
    """Return the numbers of a run that moves: each step keeps its own, new ones get numbers that were never used.

    So whatever names a step of the run by its number, a job under way above all, goes on naming it.
    """
    kept = [None if name is None else images.get(name) for name in numbers]
    known = set(kept)
    return [*kept, *(step.name for step in new.steps if step.name not in known)]


def numbered(definition: Definition, numbers: Numbers) -> Definition:
    """Return a definition whose steps have the numbers of a run; the order of its steps stays."""
    number_of = {name: number for number, name in enumerate(numbers)}
    return replace(definition, steps=tuple(replace(step, number=number_of[step.name]) for step in definition.steps))
