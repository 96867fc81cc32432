"""The graph of steps: what comes before what, circles, and its picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from easyflow.domain.workflow.definition import (
    ChildStep,
    Definition,
    FailStep,
    Kind,
    OnFailure,
    SignalStep,
    SleepStep,
    Step,
    TaskStep,
)

Needs = Mapping[str, Sequence[str]]


def order(definition: Definition) -> tuple[Step, ...]:
    """Return the steps so that each comes after what it needs; among equals as they are written."""
    sorter = TopologicalSorter({step.name: step.needs for step in definition.steps})
    sorter.prepare()
    found = list[Step]()
    while sorter.is_active():
        ready = sorted((definition.by_name[name] for name in sorter.get_ready()), key=lambda step: step.number)
        found += ready
        sorter.done(*(step.name for step in ready))
    return tuple(found)


def ancestors(needs: Needs) -> dict[str, frozenset[str]]:
    """Return for each step those that it needs, directly or through others; in a circle each needs itself."""
    names = [*dict.fromkeys([*needs, *(need for each in needs.values() for need in each)])]
    bits = {name: 1 << number for number, name in enumerate(names)}
    # Bits, because sets of sets of a thousand steps take seconds.
    found = dict.fromkeys(names, 0)
    changed = True
    while changed:
        changed = False
        for name, wanted in needs.items():
            before = found[name]
            for need in wanted:
                found[name] |= bits[need] | found[need]
            changed = changed or found[name] != before
    return {name: frozenset(other for other in names if found[name] & bits[other]) for name in needs}


def circles(needs: Needs) -> list[tuple[str, ...]]:
    """Return the circles that keep steps from ever beginning: each step needs the next, the last needs the first."""
    left = {name: [need for need in wanted if need != name] for name, wanted in needs.items()}
    found = list[tuple[str, ...]]()
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as circle:
            members = tuple(reversed(circle.args[1][1:]))
            first = members.index(min(members, key=list(left).index))
            found.append(members[first:] + members[:first])
            for name in members:
                left[name] = [need for need in left[name] if need not in members]
        else:
            return found


def mermaid(definition: Definition) -> str:
    """Return the graph as Mermaid text: a shape for each kind, conditions at the arrows, compensations dotted."""
    lines = ["flowchart TD"]
    for step in definition.steps:
        opening, closing = _shape(step.kind)
        lines.append(f'  s{step.number}{opening}"{_text(_label(step))}"{closing}')
    for step in definition.steps:
        label = f'|"{_text(_arrow(step))}"|' if _arrow(step) else ""
        lines += [f"  s{definition.by_name[need].number} -->{label} s{step.number}" for need in step.needs]
    for step in definition.steps:
        if step.compensation is not None:
            lines.append(f'  c{step.number}["{_text(step.compensation.task)}"]')
            lines.append(f'  s{step.number} -.->|"taken back by"| c{step.number}')
    return "\n".join(lines)


def describe(kind: Kind) -> str:
    """Return in a few words what a step does."""
    match kind:
        case TaskStep():
            each = "" if kind.map is None else f" for each {'item' if kind.map.batch_size == 1 else 'batch'}"
            return f"task {kind.task}{each}"
        case SignalStep():
            return f"waits for the signal {kind.signal}"
        case SleepStep():
            return "sleeps"
        case ChildStep():
            return f"workflow {kind.workflow}{'' if kind.version is None else f' v{kind.version}'}"
        case FailStep():
            return "fails the run"


def _shape(kind: Kind) -> tuple[str, str]:
    match kind:
        case TaskStep():
            return ("[", "]") if kind.map is None else ("[[", "]]")
        case SignalStep():
            return "{{", "}}"
        case SleepStep():
            return "([", "])"
        case ChildStep():
            return "[/", "/]"
        case FailStep():
            return "((", "))"


def _label(step: Step) -> str:
    doing = describe(step.kind)
    if step.on_failure is not OnFailure.FAIL and not isinstance(step.kind, FailStep):
        doing = f"{doing}, on failure {step.on_failure}"
    if step.when and not step.needs:
        doing = f"{doing}\nwhen {step.when.source}"
    return f"{step.name}\n{doing}"


def _arrow(step: Step) -> str:
    words = [] if step.join == "all" else [str(step.join)]
    return ": ".join([*words, *([step.when.source] if step.when else [])])


def _text(words: str) -> str:
    """Write text so that Mermaid reads it as text, whatever is in it."""
    safe = re.sub(r"[^\w \n.,:/-]", lambda found: f"#{ord(found[0])};", words)
    return "<br>".join(safe.splitlines())
