"""Whether a run may go on by another version of its workflow: yes, and what becomes of its steps, or why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
from easyflow.domain.workflow.graph import describe
from easyflow.domain.workflow.release import failure
from easyflow.domain.workflow.states import RUN_OVER, STEP_OVER, RunState, StepFact, StepState

_BLOCKED = StepFact()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: its steps by their names, and the signals that have come.

    `stopping`: it is to end by an operator's word or its deadline. `compensated`: some of what it did was taken back.
    """

    state: RunState
    facts: Mapping[str, StepFact]
    stopping: bool = False
    compensated: bool = False
    signals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """What stands against a move: the step of the version that the run is on, None for the run itself."""

    step: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Fits:
    """The run may move. `images` says what its steps are called then; `notes` are what one might not expect of it."""

    images: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breaks:
    """The run may not move; every reason, in the order of the steps.

    `ending`: not for what its steps are, but as it ends anyway, or is over.
    """

    reasons: tuple[Reason, ...]
    ending: bool = False


def evolve(old: Definition, new: Definition, run: Standing, mapping: Mapping[str, str] | None = None) -> Fits | Breaks:
    """Say whether a run on `old` may go on by `new`; whether its input fits is not looked at, see `wants_input`.

    `mapping` gives new names to steps of `old`, and the others keep theirs. What has begun goes on as what it is, what
    is over is not repeated, what has not begun begins by the new version or not at all.
    """
    images = images_of(old, new, run.facts, mapping or {})
    if old.name != new.name:
        return Breaks((Reason(None, f"it is a run of {old.name}, not of {new.name}"),))
    ends = _ends(run)
    if ends is not None:
        return Breaks((Reason(None, ends),), ending=True)
    move = _Move(old, new, run, images)
    reasons = (*move.against(), *move.against_signals())
    return Breaks(reasons) if reasons else Fits(images, tuple(move.notes()))


def wants_input(old: Definition, new: Definition) -> bool:
    """Whether the input of a run on `old` has to be looked at before it moves to `new`: it asks for something else."""
    return new.input_schema is not None and new.input_schema != old.input_schema


def input_reasons(new: Definition, value: object) -> tuple[Reason, ...]:
    """Return what in a run's input stands against a move, naming places and never values."""
    said = new.input_problems(value)
    return tuple(Reason(None, f"its input does not fit: {one['at']}: {one['message']}") for one in said)


def images_of(
    old: Definition, new: Definition, facts: Mapping[str, StepFact], mapping: Mapping[str, str]
) -> dict[str, str]:
    """Return what each step is called in the new version, without those that it does not have.

    Where several would get one name, what has begun comes before what has not, and what was said before what was not.
    """
    wanted = [(step.name, mapping.get(step.name, step.name)) for step in old.steps]
    wanted = [(name, image) for name, image in wanted if image in new.by_name]
    taken = {image for name, image in wanted if name in facts}
    said = {image for name, image in wanted if name in mapping}
    return {
        name: image
        for name, image in wanted
        if name in facts or (image not in taken and (name in mapping or image not in said))
    }


def _ends(run: Standing) -> str | None:
    """Say why a run moves no more, if it does not."""
    if run.state is RunState.FAILED:
        return "what it did was taken back" if run.compensated else None
    if run.state in RUN_OVER:
        return f"it is {run.state} already"
    if run.state is RunState.COMPENSATING:
        return "it is taking back what it did"
    return "it is being stopped" if run.stopping else None


@dataclass(frozen=True, slots=True)
class _Move:
    old: Definition
    new: Definition
    run: Standing
    images: Mapping[str, str]
    moved: dict[str, StepFact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moved.update({self.images[name]: fact for name, fact in self.run.facts.items() if name in self.images})

    def against(self) -> Iterator[Reason]:
        """What stands against the steps that have begun."""
        first: dict[str, str] = {}
        for step in self._begun():
            image = self.new.by_name.get(self.images.get(step.name, ""))
            if image is None:
                yield Reason(step.name, "has begun or is over, and the new version has no such step; map it to one")
                continue
            if image.name in first:
                yield Reason(step.name, f"would become {image.name}, and so would {first[image.name]}")
            first.setdefault(image.name, step.name)
            for message in self._differences(step, image):
                yield Reason(step.name, message)

    def against_signals(self) -> Iterator[Reason]:
        """What stands against signals that came before their steps began."""
        answers = {step.kind.signal: step.kind for step in self.new.steps if isinstance(step.kind, SignalStep)}
        for step in self.old.steps:
            kind = step.kind
            if not isinstance(kind, SignalStep) or step.name in self.run.facts or kind.signal not in self.run.signals:
                continue
            if kind.signal not in answers:
                yield Reason(step.name, f"its signal {kind.signal} came already, and nothing would wait for it")
            elif answers[kind.signal].schema != kind.schema:
                yield Reason(step.name, f"its signal {kind.signal} came already, and its schema is another now")

    def notes(self) -> Iterator[str]:
        """What one might not expect of the move."""
        for step in self._begun():
            image = self.new.by_name[self.images[step.name]]
            state = self.run.facts[step.name].state
            missing = [need for need in image.needs if self._state(need) not in STEP_OVER]
            if missing:
                yield f"{image.name} now needs {', '.join(missing)}; it has begun before, and does not begin again"
            if state is StepState.SUCCEEDED and step.compensation is not None and image.compensation is None:
                yield f"{image.name} will not be taken back if the run fails"
            if state in (StepState.RUNNING, StepState.FAILED) and _bounds(step) != _bounds(image):
                yield f"{image.name} keeps the concurrency and the tolerance with which it began"
        if self.old.deadline_seconds != self.new.deadline_seconds:
            yield "the run keeps the deadline with which it was started"

    def _begun(self) -> list[Step]:
        return [step for step in self.old.steps if step.name in self.run.facts]

    def _state(self, image: str) -> StepState:
        return self.moved.get(image, _BLOCKED).state

    def _differences(self, step: Step, image: Step) -> Iterator[str]:
        fact = self.run.facts[step.name]
        if not _same_work(step.kind, image.kind):
            yield f"is {describe(step.kind)}, and in the new version {describe(image.kind)}"
        elif isinstance(step.kind, TaskStep) and isinstance(image.kind, TaskStep):
            yield from self._map_differences(step.kind, image)
        ends_badly = fact.state in (StepState.FAILED, StepState.CANCELLED) and image.on_failure is OnFailure.FAIL
        if ends_badly and failure(self.old, self.run.facts) is None:
            yield "ended badly, which its run survives; by the new version it would fail the run"
        if fact.compensation is not None and _compensates_with(step) != _compensates_with(image):
            yield "is being taken back by another task than in the new version"
        elif fact.state is StepState.SUCCEEDED and image.compensation is not None:
            said = image.compensation.input
            unknown = self._unknown(said.references if said else frozenset())
            if unknown:
                yield f"is over, and taking it back would read {unknown}, which is not over"

    def _map_differences(self, kind: TaskStep, image: Step) -> Iterator[str]:
        assert isinstance(image.kind, TaskStep)
        if kind.map is None or image.kind.map is None:
            return
        if kind.map.batch_size != image.kind.map.batch_size:
            yield f"goes over its items by {kind.map.batch_size}, and in the new version by {image.kind.map.batch_size}"
        source = kind.map.items_of
        if (source if source is None else self.images.get(source)) != image.kind.map.items_of:
            yield "has begun with its items, and in the new version they come from elsewhere"
        done = self._state(image.name) in (StepState.SUCCEEDED, StepState.SKIPPED)
        unknown = "" if done else self._unknown(image.references)
        if unknown:
            yield f"goes over its items, and for them reads {unknown} in the new version, which is not over"

    def _unknown(self, references: frozenset[str]) -> str:
        return ", ".join(sorted(name for name in references if self._state(name) not in STEP_OVER))


def _same_work(one: Kind, other: Kind) -> bool:
    match one, other:
        case TaskStep(), TaskStep():
            return one.task == other.task and (one.map is None) == (other.map is None)
        case SignalStep(), SignalStep():
            return one.signal == other.signal
        case ChildStep(), ChildStep():
            return one.workflow == other.workflow
        case (SleepStep(), SleepStep()) | (FailStep(), FailStep()):
            return True
        case _:
            return False


def _compensates_with(step: Step) -> str | None:
    return None if step.compensation is None else step.compensation.task


def _bounds(step: Step) -> tuple[float, ...]:
    each = step.kind.map if isinstance(step.kind, TaskStep) else None
    return () if each is None else (each.concurrency, each.tolerated_failures, each.tolerated_percent)
