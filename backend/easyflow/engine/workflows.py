"""Registering the workflows of a worker's task modules when it starts."""

from __future__ import annotations

from easyflow.errors import EasyFlowError, StorageUnavailable
from easyflow.observability import record
from easyflow.storage.certainty import Lend
from easyflow.submission.workflows import register_workflow
from easyflow.workflow import WORKFLOWS

ACTOR = "worker"


async def announce_workflows(lend: Lend) -> None:
    """Register every `Workflow` of this process; the same content stays the same version, whoever starts how often.

    One that does not fit is told in the log and left out: its tasks may belong to a worker that has yet to start.
    Raises StorageUnavailable, and Misconfigured when two workflows have one name and differ.
    """
    documents = {name: workflow.definition() for name, workflow in sorted(WORKFLOWS.items())}
    for name, document in documents.items():
        try:
            version = await register_workflow(lend, document, actor=ACTOR)
        except StorageUnavailable:
            raise
        except EasyFlowError as refused:
            problems = [f"{each['at']}: {each['message']}" for each in getattr(refused, "problems", [])]
            record.workflow_refused(name, refused.message, problems)
        else:
            if version.new:
                record.workflow_registered(name, version.number)
