"""Whatever befalls a worker at any point of a job's way: every job is done once, or a person is asked.

By default one scene for each point runs, its action chosen by SEED; `make matrix` runs every combination there is.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from easyflow.failpoints import Point
from tests.matrix.combinations import ALL, SEED, scenes
from tests.matrix.report import EVERYTHING
from tests.matrix.scene import Scene
from tests.support.effects import RecorderProcess
from tests.support.site import Site

CHOSEN = scenes(everything=bool(os.environ.get(EVERYTHING)))


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("point", "action"), CHOSEN, ids=[f"{point.name}-{action}" for point, action in CHOSEN])
async def test_every_job_is_done_once_or_a_person_is_asked(
    site: Site, recorder: RecorderProcess, tmp_path: Path, point: Point, action: str
) -> None:
    told = await Scene(site, recorder, tmp_path, point, action).play()
    await site.assert_conserved()
    if folder := os.environ.get(EVERYTHING):
        rows = [{**asdict(each), "combination": [point.name, action, each.combination.effects]} for each in told]
        (Path(folder) / f"{point.name}-{action}.json").write_text(json.dumps(rows))


def test_nothing_is_left_out_without_a_reason() -> None:
    assert len(ALL) == len(set(ALL)) == 13 * 5 * 5
    everything = scenes(everything=True)
    assert all(one.impossible or (one.point, one.action) in everything for one in ALL)
    assert {one.effects for one in ALL if one.point is Point.P4 and one.impossible is None} == {
        "keyed",
        "queryable",
        "unsafe",
    }


def test_a_slice_touches_every_point_and_depends_on_the_seed_alone() -> None:
    assert [point for point, _ in scenes(everything=False)] == list(Point)
    assert scenes(everything=False, seed=SEED) == scenes(everything=False, seed=SEED)
    assert len({tuple(scenes(everything=False, seed=seed)) for seed in range(5)}) > 1
