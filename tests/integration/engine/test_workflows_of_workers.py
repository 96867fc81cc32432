"""A worker registers the workflows of its task modules when it starts."""

from __future__ import annotations

from tests.support.api import Api, running_api
from tests.support.runs import step, workflow
from tests.support.site import Site
from tests.support.worker import running_worker

MODULES = ("tests.support.tasks", "tests.support.flow_tasks")


async def test_a_started_worker_has_registered_its_workflows_and_runs_them(own_site: Site) -> None:
    async with running_api(own_site.url) as client:
        api = Api(client, own_site.connection)
        with running_worker(own_site.url, own_site.trace, modules=MODULES, executors=2) as worker:
            listed = (await api.get("/workflows")).json()["items"]
            assert [(each["name"], each["version"], each["created_by"]) for each in listed] == [
                ("flows.doubling", 1, "worker")
            ]
            (refused, *_) = worker.said("workflow.refused")
            assert refused["workflow"] == "flows.orphan"
            assert refused["problems"] == ["steps.a.task: no worker has registered the task nobody.has"]
            started = await api.post("/runs", {"workflow": "flows.doubling", "input": {"n": 5}})
            seen = (await api.get(f"/runs/{started.json()['id']}", wait_seconds=30)).json()
            assert (seen["state"], seen["output"]) == ("SUCCEEDED", {"n": 20})


async def test_a_worker_started_again_keeps_the_version_and_one_with_other_content_adds_one(own_site: Site) -> None:
    async with running_api(own_site.url) as client:
        api = Api(client, own_site.connection)
        with running_worker(own_site.url, own_site.trace, modules=MODULES, executors=1):
            newer = workflow(step("only", task="flows.double"), name="flows.doubling")
            assert (await api.post("/workflows", newer)).json()["version"] == 2
        with running_worker(own_site.url, own_site.trace, modules=MODULES, executors=1) as again:
            assert again.said("workflow.registered") == []
            versions = (await api.get("/workflows/flows.doubling/versions")).json()["items"]
            assert [each["version"] for each in versions] == [2, 1]
