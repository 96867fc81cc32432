"""The operators of the soak: they replay what failed, and settle what is in doubt by what the recorder tells."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from easyflow.client import AsyncClient, DeadLetter, JobDetail, Refused, Unavailable
from easyflow.domain.effects import EffectState
from tests.soak.clients import Person
from tests.soak.stage import HEARD_SECONDS, Stage
from tests.support.effects import look_up

MOST_REPLAYS = 6
AT_ONCE = 40


@dataclass(slots=True, eq=False)
class Operator:
    """A person who looks after what stands still; `first_seen` is when each doubt was noticed."""

    person: Person
    stage: Stage
    first_seen: dict[tuple[str, int], float] = field(default_factory=dict)

    async def work_for_ever(self) -> None:
        """Look through doubts and dead letters again and again; what cannot be reached now is looked at again."""
        while True:
            await asyncio.sleep(self.person.chance.uniform(0.5, 1.5))
            try:
                await self._doubts()
                await self._letters()
            except (Refused, Unavailable, httpx.HTTPError) as away:
                self.person.traffic.seen[f"an operator was held up by {type(away).__name__}"] += 1

    async def _doubts(self) -> None:
        api = self.person.either()
        found = [job async for job in api.list_jobs(state="IN_DOUBT")]
        now = time.monotonic()
        known = {(job.id, job.version or 0): now for job in found}
        self.first_seen = {each: min(at, self.first_seen.get(each, at)) for each, at in known.items()}
        for job_id, version in list(self.first_seen)[:AT_ONCE]:
            old = now - self.first_seen[job_id, version] > HEARD_SECONDS
            if old and self.stage.truth_stands():
                await self._settle(await api.get_job(job_id))

    async def _settle(self, job: JobDetail) -> None:
        """Say what the recorder says, unless the doubt is not the one that was seen for long enough."""
        doubt = job.in_doubt
        if doubt is None or (job.id, doubt.version) not in self.first_seen:
            return
        keys = [effect.key for effect in job.effects if effect.state is EffectState.OPEN]
        receipts = [await look_up(self.stage.recorder.url, key) for key in keys]
        happened = next((receipt for receipt in receipts if receipt is not None), None)
        said: dict[str, Any] = {"outcome": "did_not_happen"}
        if self.person.chance.random() < 0.05:
            said = {"outcome": "failed"}
        elif happened is not None:
            said = {"outcome": "happened", "result": happened, "complete": self.person.chance.random() < 0.3}
        at = self.person.apis if self.person.chance.random() < 0.3 else [self.person.either()]
        await asyncio.gather(*(self._say(api, job.id, doubt.version, said) for api in at))

    async def _say(self, api: AsyncClient, job_id: str, version: int, said: dict[str, Any]) -> None:
        saying = api.settle(job_id, reason="asked the recorder", seen_version=version, **said)
        await self.person.heard("settle", saying, job=job_id, body={"version": version, **said})

    async def _letters(self) -> None:
        api = self.person.either()
        letters = [letter async for letter in api.list_dead_letters()]
        for letter in letters[:AT_ONCE]:
            if letter.task == "test.die" or letter.version > MOST_REPLAYS:
                continue
            at = self.person.apis if self.person.chance.random() < 0.2 else [api]
            await asyncio.gather(*(self._replay(each, letter) for each in at))

    async def _replay(self, api: AsyncClient, letter: DeadLetter) -> None:
        again: dict[str, Any] = {"seen_version": letter.version}
        if letter.task.startswith("test."):
            again["payload"] = {"seconds": 0, "failures": 0}
        await self.person.heard("replay", api.replay(letter.job_id, "again", **again), job=letter.job_id, body=again)
