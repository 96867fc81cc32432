"""Every combination of kill point, effect class and action: which there are, and why some cannot be."""

from __future__ import annotations

import os
import random
from itertools import product
from typing import NamedTuple

from easyflow.failpoints import Point
from tests.support.lab_tasks import CLASSES, OUTSIDE

ACTIONS = ("kill", "stop", "delay", "raise", "drop")
LEDGER = (Point.P4, Point.P5, Point.P6, Point.P7)
WITHOUT_CONNECTION = (Point.P0, Point.P3, Point.P5, Point.P12)
SEED = int(os.environ.get("SEED", "20261123"))


class Combination(NamedTuple):
    """One fault at one point, under a job of one class."""

    point: Point
    action: str
    effects: str

    @property
    def impossible(self) -> str | None:
        """Why there is no such thing; None when there is."""
        if self.point in LEDGER and self.effects not in OUTSIDE:
            return "a task of this class has no effect outside"
        if self.action == "drop" and self.point in WITHOUT_CONNECTION:
            return "no connection is in use at this point"
        return None


ALL = [Combination(*one) for one in product(Point, ACTIONS, CLASSES)]


def scenes(*, everything: bool, seed: int = SEED) -> list[tuple[Point, str]]:
    """Return points with the action that strikes there: all of them, or one for each point, chosen by the seed."""
    possible = {(one.point, one.action): None for one in ALL if one.impossible is None}
    if everything:
        return list(possible)
    chance = random.Random(seed)
    return [chance.choice([scene for scene in possible if scene[0] is point]) for point in Point]
