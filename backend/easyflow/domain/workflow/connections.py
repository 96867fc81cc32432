"""What is wrong between the steps of a definition: names, needs, circles, and what they read of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from easyflow.domain.workflow import graph
from easyflow.domain.workflow.checks import Sheet
from easyflow.domain.workflow.expressions import suggestion
from easyflow.domain.workflow.faults import Problem


def check_connections(sheet: Sheet) -> None:
    """Look at how the steps hang together."""
    _check_names(sheet)
    _check_signals(sheet)
    net = _Net.of(sheet)
    for number in net.numbers.values():
        _check_needs(sheet, net, number)
    for circle in graph.circles(net.needs):
        told = ", ".join(f"{name} needs {circle[(at + 1) % len(circle)]}" for at, name in enumerate(circle))
        sheet.add(net.numbers[circle[0]], "needs", f"these steps wait for each other for ever: {told}")
    _check_reads(sheet, net)
    _check_items(sheet, net)
    _check_reach(sheet, net)


@dataclass(frozen=True, slots=True)
class _Net:
    """The steps that have a name, and what each needs of them."""

    numbers: dict[str, int]
    needs: dict[str, list[str]]
    before: dict[str, frozenset[str]]

    @classmethod
    def of(cls, sheet: Sheet) -> _Net:
        numbers = dict[str, int]()
        for number, step in enumerate(sheet.steps):
            if isinstance(step.get("name"), str):
                numbers.setdefault(step["name"], number)
        needs = {
            name: [need for need in _needs(sheet.steps[number]) if need in numbers and need != name]
            for name, number in numbers.items()
        }
        return cls(numbers, needs, graph.ancestors(needs))


def _needs(step: dict[str, Any]) -> list[str]:
    return [need for need in step.get("needs") or [] if isinstance(need, str)]


def _check_names(sheet: Sheet) -> None:
    seen = set[str]()
    for number, step in enumerate(sheet.steps):
        name = step.get("name")
        if name in seen:
            sheet.add(number, "name", f'an earlier step is called "{name}" too')
        elif name is not None:
            seen.add(name)


def _check_signals(sheet: Sheet) -> None:
    first = dict[str, int]()
    for number, step in enumerate(sheet.steps):
        signal = (step.get("wait_for_signal") or {}).get("signal")
        if signal is None:
            continue
        if signal in first:
            other = sheet.words[first[signal]]
            sheet.add(
                number, "wait_for_signal.signal", f'the step "{other}" waits for "{signal}" too; a signal has one step'
            )
        first.setdefault(signal, number)


def _check_needs(sheet: Sheet, net: _Net, number: int) -> None:
    step = sheet.steps[number]
    for need in _needs(step):
        if need == step["name"]:
            sheet.add(number, "needs", "a step cannot need itself")
        elif need not in net.numbers:
            sheet.add(number, "needs", f'there is no step "{need[:100]}"{suggestion(need, list(net.numbers))}')


def _check_reads(sheet: Sheet, net: _Net) -> None:
    for reads in sheet.reads:
        own = None if reads.step is None else sheet.steps[reads.step].get("name")
        if reads.step is not None and _needs_unknown(sheet, reads.step):
            continue
        for name in sorted(reads.references):
            message = _unreadable(net, name, own, may_read_own=reads.is_compensation)
            if message is not None:
                sheet.problems.append(Problem(reads.step, reads.at, message))


def _needs_unknown(sheet: Sheet, number: int) -> bool:
    return sheet.has(number, "needs") and "needs" not in sheet.steps[number]


def _unreadable(net: _Net, name: str, own: str | None, *, may_read_own: bool) -> str | None:
    """Say why a step may not be read by the step `own`, or by the workflow's output; None when it may."""
    if name not in net.numbers:
        return f'it reads steps.{name}, and there is no step "{name}"{suggestion(name, list(net.numbers))}'
    if name == own:
        return None if may_read_own else "a step cannot read its own result"
    if own is None or own not in net.before or name in net.before[own]:
        return None
    return f'it reads steps.{name}, which need not be over by then; add "{name}" to needs'


def _check_items(sheet: Sheet, net: _Net) -> None:
    for name, number in net.numbers.items():
        source = (sheet.steps[number].get("map") or {}).get("items_of")
        if source is None:
            continue
        if source not in net.numbers:
            message = f'there is no step "{source[:100]}"{suggestion(source, list(net.numbers))}'
        elif source not in net.before[name] or source == name:
            message = f'"{source}" need not be over by then; add it to needs'
        elif "task" not in sheet.steps[net.numbers[source]]:
            message = f'"{source}" is no task, so it has no items'
        else:
            continue
        sheet.add(number, "map.items_of", message)


def _check_reach(sheet: Sheet, net: _Net) -> None:
    """Find steps that no run can reach, because a step that always fails stands before them."""
    steps = {name: sheet.steps[number] for name, number in net.numbers.items()}
    never_over = _spread({name for name, step in steps.items() if _fails_the_run(step)}, net)
    lost = dict[str, str]()
    changed = True
    while changed:
        changed = False
        for name in steps.keys() - lost.keys():
            why = _why_lost(steps, net, name, lost, never_over)
            if why is not None:
                lost[name], changed = why, True
    for name, why in lost.items():
        sheet.add(net.numbers[name], "needs", f"it can never begin: {why}")


def _spread(names: set[str], net: _Net) -> set[str]:
    """Add every step that comes after one of these."""
    return names | {name for name, before in net.before.items() if before & names}


def _why_lost(
    steps: dict[str, dict[str, Any]], net: _Net, name: str, lost: dict[str, str], never_over: set[str]
) -> str | None:
    def stands_in_the_way(need: str) -> bool:
        if join == "always":
            return need in never_over
        return need in lost or ("fail" in steps[need] and steps[need].get("on_failure") != "continue")

    needs, join = net.needs[name], steps[name].get("join", "all")
    stuck = [need for need in needs if stands_in_the_way(need)]
    if not stuck or (join == "any" and len(stuck) < len(needs)):
        return None
    return ", ".join(f'"{need}" {"always fails" if "fail" in steps[need] else "can never begin"}' for need in stuck[:3])


def _fails_the_run(step: dict[str, Any]) -> bool:
    """Return whether each run fails here: a step with a condition, or with needs, may be skipped."""
    skippable = "when" in step or bool(_needs(step))
    return "fail" in step and step.get("on_failure", "fail") == "fail" and not skippable
