"""Running a transactional handler: what it writes and its completion commit together, behind the fence."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from easyflow.domain.outcome import HandedBack, Outcome
from easyflow.engine.attempt import Attempt, run_async
from easyflow.errors import LostClaim
from easyflow.observability import record
from easyflow.storage.admission import Key
from easyflow.storage.database import Engine
from easyflow.storage.transactional import CancelRequested, CommitUnknown, complete, lost_database, open_session


@dataclass(frozen=True, slots=True)
class Recorded:
    """The attempt has recorded its own completion, or lost its claim: nothing is left to write, these keys to admit."""

    keys: frozenset[Key] = frozenset()


async def run_transactional(attempt: Attempt, engine: Engine, executor_id: UUID) -> Outcome | Recorded:
    """Run the handler in a session and complete the job in the same transaction.

    An outcome is returned when it is still to be recorded: nothing was written, or everything was rolled back.
    Raises what the handler raised, behind a rollback.
    """
    completing = False
    try:
        async with open_session(engine) as session:
            context = attempt.open_context(session)
            outcome = await run_async(attempt, context)
            if not session.in_transaction():
                return outcome
            completing = True
            return Recorded(frozenset(await complete(session, executor_id, attempt.ending(outcome))))
    except LostClaim:
        if not completing:
            raise  # of an effect the handler asked for: like any error of its own, judged by the ledger and the fence
        record.finish_rejected(attempt.row["job_id"], attempt.row["lease_no"], "Succeeded")
        return Recorded()
    except CancelRequested:
        return attempt.cancelled()
    except CommitUnknown:
        # Still leased: it did not commit, and goes back unharmed. No lease: it did, as the finisher will read back.
        return HandedBack()
    except Exception as raised:
        if lost_database(raised) and attempt.doubt() is None:
            return HandedBack()
        raise
