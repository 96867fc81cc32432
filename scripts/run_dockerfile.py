"""Executes the steps of a Dockerfile in folders instead of images, so that the file can be tried without Docker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from string import Template

from scripts.dockerfile import DONE, Copy, Instruction, Stage, ignored, read_copy, read_dockerfile, read_dockerignore
from scripts.roots import SEARCHED, Root, copied, packages, tell


@dataclass(frozen=True)
class Image:
    """What a stage came to: its root, and how a container of it starts."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": SEARCHED})
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def build(dockerfile: Path, context: Path, bases: Mapping[str, Path], folder: Path) -> Image:
    """Execute every stage below `folder` and return the last one.

    `bases` has a root for the name of each image, tag left out; it is copied, never changed. `.dockerignore` of the
    context is kept to. Raises UnknownInstruction, StepFailed, KeyError for a base that is not there.
    """
    done: dict[str, Image] = {}
    image = Image(folder)
    for number, stage in enumerate(read_dockerfile(dockerfile)):
        tell(f"FROM {stage.base}{f' AS {stage.name}' if stage.name else ''}")
        image = _begin(stage, done, bases, folder / f"stage-{number}")
        for instruction in stage.instructions:
            image = _execute(instruction, image, context, done)
        if stage.name:
            done[stage.name] = image
    return image


def _begin(stage: Stage, done: Mapping[str, Image], bases: Mapping[str, Path], target: Path) -> Image:
    if stage.base in done:
        return replace(done[stage.base], folder=copied(done[stage.base].folder, target))
    return Image(copied(bases[stage.base.partition(":")[0]], target))


def _execute(instruction: Instruction, image: Image, context: Path, done: Mapping[str, Image]) -> Image:
    if instruction.name in DONE:
        tell(f"{instruction.name} {instruction.text}")
    match instruction.name:
        case "RUN":
            words = instruction.words if instruction.is_list else ["/bin/sh", "-c", instruction.text]
            _root(image).run(*words)
        case "COPY":
            _copy(read_copy(instruction), image, context, done)
        case "ENV":
            pairs = (word.partition("=") for word in instruction.words)
            known = image.environment
            added = {name: Template(value).substitute(known) for name, _, value in pairs}
            return replace(image, environment={**known, **added})
        case "WORKDIR":
            workdir = str(PurePosixPath(image.workdir) / instruction.text)
            _below(image.folder, workdir).mkdir(parents=True, exist_ok=True)
            return replace(image, workdir=workdir)
        case "USER":
            return replace(image, user=instruction.text)
        case "ENTRYPOINT":
            return replace(image, entrypoint=tuple(instruction.words), command=())
        case "CMD":
            return replace(image, command=tuple(instruction.words))
    return image


def _root(image: Image) -> Root:
    binds, variables = packages(home="/root")
    return Root(
        image.folder,
        environment={**variables, "HOME": "/root", **image.environment},
        user=image.user,
        workdir=image.workdir,
        binds=binds,
    )


def _copy(copy: Copy, image: Image, context: Path, done: Mapping[str, Image]) -> None:
    source = done[copy.stage].folder if copy.stage else context
    patterns = [] if copy.stage else read_dockerignore(context / ".dockerignore")
    target = _below(image.folder, str(PurePosixPath(image.workdir) / copy.target))
    into_folder = copy.target.endswith("/") or copy.target == "."
    for name in copy.sources:
        found = _below(source, name)
        if found.is_dir():
            shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True, ignore=_ignoring(patterns, source))
            continue
        if patterns and ignored(patterns, name):
            raise FileNotFoundError(f".dockerignore keeps {name} out of the build")
        end = target / found.name if into_folder else target
        end.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, end)


def _ignoring(patterns: list[str], context: Path) -> Callable[[str, list[str]], set[str]]:
    def named(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(context)
        return {name for name in names if ignored(patterns, (inside / name).as_posix())}

    return named


def _below(folder: Path, name: str) -> Path:
    return folder / name.lstrip("/")
