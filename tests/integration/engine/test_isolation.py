"""Processes of their own: made quickly and clean, and nothing that they start outlives them, whoever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.support.processes import is_alive
from tests.support.site import Site
from tests.support.waiting import within
from tests.support.worker import MODULES, Worker, children_of, command_line, running_worker, until_gone

ISOLATED = (*MODULES, "tests.support.isolated_tasks")


@pytest.fixture
def own_worker(own_site: Site) -> Iterator[Worker]:
    """A worker that the test may hurt, with its fork server up."""
    with running_worker(own_site.url, own_site.trace, modules=ISOLATED) as running:
        within(10, lambda: fork_servers(running), running.told)
        yield running


def fork_servers(worker: Worker) -> list[int]:
    """The fork server's process id, in a list."""
    return [pid for pid in children_of(worker.pid) if "easyflow.engine.fork_server_main" in command_line(pid)]


async def household(site: Site, seconds: float = 60.0) -> tuple[UUID, dict[str, Any]]:
    """Start a job that has a family; its id, and who they are."""
    job_id = await site.submit("test.household", {"seconds": seconds})
    await site.until_traced("start", job_id)
    (told,) = site.trace.events("start", job_id)
    assert all(is_alive(pid) for pid in (told["pid"], told["keeper"], *told["family"]))
    return job_id, told


async def test_a_process_of_its_own_is_clean(own_site: Site, own_worker: Worker) -> None:
    ids = [await own_site.submit("test.looks_around") for _ in range(2)]
    assert await own_site.until_ended(*ids) == ["SUCCEEDED"] * 2
    one, other = [await own_site.result(job_id) for job_id in ids]
    assert one["pid"] == one["session"] == one["group"] == one["opened_by"]
    assert one["pid"] not in (*own_worker.executors(), *fork_servers(own_worker), other["pid"])
    assert one["random"] != other["random"]
    assert one["input"] == ""
    assert "asyncio" in one["handlers"].pop("SIGINT")  # the loop takes it over where it finds it untouched
    assert one["handlers"] == {"SIGTERM": str(signal.SIG_DFL), "SIGCHLD": str(signal.SIG_DFL)}
    assert one["blocked"] == 0
    # The channel, and what its own loop has opened: no door, no request, nothing of the server or of another attempt.
    assert one["open_files"].pop("0") == "/dev/null"
    log = {one["open_files"].pop(name) for name in ("1", "2")}
    assert log == {str(own_worker.log)}
    kinds = sorted(kind.split(":")[0] for kind in one["open_files"].values())
    assert kinds == ["anon_inode", "socket", "socket", "socket"], one["open_files"]


async def test_what_a_job_started_ends_with_it(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site, seconds=1)
    assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
    assert not any(is_alive(pid) for pid in (told["pid"], *told["family"]))
    until_gone([told["keeper"]])


async def test_a_cancelled_job_is_gone_with_all_it_started(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site)
    await own_site.cancel(job_id)
    assert await own_site.until_ended(job_id) == ["CANCELLED"]
    assert not any(is_alive(pid) for pid in (told["pid"], *told["family"]))


async def test_nothing_is_left_when_the_process_itself_is_killed(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site)
    os.kill(told["pid"], signal.SIGKILL)
    until_gone([told["keeper"], *told["family"]])
    await own_site.until_traced("start", job_id, times=2)
    assert await own_site.outcomes(job_id) == ["lost"]


async def test_nothing_is_left_when_its_keeper_is_killed(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site)
    (server,) = fork_servers(own_worker)
    os.kill(server, signal.SIGSTOP)
    os.kill(told["keeper"], signal.SIGKILL)
    until_gone([told["pid"]])  # by the kernel; the rest is the fork server's to end
    os.kill(server, signal.SIGCONT)
    until_gone(told["family"])
    await own_site.until_traced("start", job_id, times=2)
    assert await own_site.outcomes(job_id) == ["lost"]


async def test_nothing_is_left_when_the_executor_is_killed(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site)
    for pid in own_worker.executors():
        os.kill(pid, signal.SIGKILL)
    until_gone([told["pid"], told["keeper"], *told["family"]])
    await own_site.until_traced("start", job_id, times=2)
    assert await own_site.outcomes(job_id) == ["unstarted"]


async def test_the_death_of_the_fork_server_interrupts_nothing(own_site: Site, own_worker: Worker) -> None:
    job_id, told = await household(own_site, seconds=1.5)
    (server,) = fork_servers(own_worker)
    os.kill(server, signal.SIGKILL)
    until_gone([server])
    # What is asked for in the meantime waits for the next one.
    behind = await own_site.submit("test.looks_around")
    assert await own_site.until_ended(job_id, behind) == ["SUCCEEDED", "SUCCEEDED"]
    assert [await own_site.outcomes(each) for each in (job_id, behind)] == [["succeeded"], ["succeeded"]]
    until_gone([told["pid"], told["keeper"], *told["family"]])
    own_worker.until_said("fork_server.died")
    (died,) = own_worker.said("fork_server.died")
    assert str(server) in died["how"]


async def test_nothing_is_left_when_the_supervisor_is_killed(own_site: Site, own_worker: Worker) -> None:
    _, told = await household(own_site)
    processes = [*fork_servers(own_worker), *own_worker.executors(), told["pid"], told["keeper"], *told["family"]]
    own_worker.process.kill()
    own_worker.ended()
    until_gone(processes)


async def test_nothing_is_left_when_the_worker_drains(own_site: Site) -> None:
    with running_worker(own_site.url, own_site.trace, modules=ISOLATED) as worker:
        job_id, told = await household(own_site)
        (server,) = fork_servers(worker)
        worker.send(signal.SIGTERM)
        assert worker.ended() == 0
        until_gone([server, told["pid"], told["keeper"], *told["family"]])
    assert await own_site.states([job_id]) == {job_id: "READY"}


async def test_tasks_that_start_threads_when_imported_are_imported_again_for_each_attempt(own_site: Site) -> None:
    modules = (*MODULES, "tests.support.threaded_tasks")
    with running_worker(own_site.url, own_site.trace, modules=modules) as worker:
        job_id = await own_site.submit("test.needs_thread")
        assert await own_site.until_ended(job_id) == ["SUCCEEDED"]
        (said,) = worker.said("fork_server.starts_afresh")
    assert said["because"] == ["thread ticker"]
    assert "ticker" in await own_site.result(job_id)
