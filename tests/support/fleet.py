"""Two workers and their database, of which something dies at random."""

from __future__ import annotations

import os
import random
import signal

from easyflow.local.postgres import LocalPostgres
from tests.support.site import Site
from tests.support.worker import Worker, end_worker, start_worker, until_gone


class Fleet:
    """Two workers, and what happens to them."""

    def __init__(self, site: Site, server: LocalPostgres, chance: random.Random) -> None:
        self.site = site
        self.server = server
        self.chance = chance
        self.workers = [self._start(), self._start()]
        self.pids: set[int] = set()
        self.deaths = {"executor": 0, "supervisor": 0, "postgresql": 0}

    async def lose_one(self) -> None:
        """Let something die, and start again what does not come back by itself."""
        for worker in self.workers:
            self.pids |= {worker.pid, *worker.executors()}
        kind = self.chance.choice(["executor", "executor", "supervisor", "postgresql"])
        position = self.chance.randrange(2)
        if kind == "executor":
            running = self.workers[position].executors()
            if not running:
                return
            os.kill(self.chance.choice(running), signal.SIGKILL)
        elif kind == "supervisor":
            self.workers[position].process.kill()
            self.workers[position].ended()
            self.workers[position] = self._start()
        else:
            self.server.kill()
            assert self.server.restart_if_dead()
            await self.site.reconnect()
        self.deaths[kind] += 1

    def stop(self) -> None:
        """End both workers in order; nothing of them, nor of those killed before, may be left."""
        for worker in self.workers:
            end_worker(worker)
        until_gone([*self.pids, *{each["pid"] for each in self.site.trace.events()}])

    def _start(self) -> Worker:
        return start_worker(self.site.url, self.site.trace, concurrency=10, transactional_concurrency=5)
