"""Another program: it has parcels followed over HTTP, and sets right what was mistyped."""

from __future__ import annotations

from collections.abc import Iterable

from easyflow.client import AsyncClient, Client, JobFailed


def follow(client: Client, number: str) -> str:
    """Say where a parcel is, or why nobody can tell; asking for it again makes no second job."""
    job = client.submit("parcels.follow", {"number": number}, tags=["desk"], idempotency_key=f"desk/{number}")
    try:
        return str(client.wait(job.id, timeout=30).result)
    except JobFailed as failed:
        error = failed.job.last_error
        return str(error.message) if error else failed.job.state


async def follow_all(client: AsyncClient, numbers: Iterable[str]) -> list[str]:
    """Submit many parcels, all or none, and say where each of them is."""
    jobs = await client.submit_batch({"task": "parcels.follow", "payload": {"number": each}} for each in numbers)
    return [str((await client.wait(job, timeout=30)).result) for job in jobs]


def correct(client: Client, number: str) -> list[str]:
    """Let what failed at this desk run again with the right number; returns the ids of the jobs."""
    letters = list(client.list_dead_letters(task="parcels.follow", tag="desk"))
    for letter in letters:
        client.replay(letter.job_id, "mistyped at the desk", seen_version=letter.version, payload={"number": number})
    return [letter.job_id for letter in letters]
