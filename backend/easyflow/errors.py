"""The error tree: every expected failure has a code, an HTTP status and a word on retrying."""

from __future__ import annotations

from typing import Any


class EasyFlowError(Exception):
    """Something EasyFlow refused or could not do."""

    code: str = "error"
    status: int = 500
    retryable: bool = False

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        """Use the class docstring's first line as message when none is given; keep `facts` for the reply."""
        self.message = message or (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]
        self.facts = facts
        super().__init__(self.message)


class Misconfigured(EasyFlowError):
    """The settings do not make sense."""

    code = "misconfigured"


class Missing(EasyFlowError):
    """There is no such thing."""

    code = "not_found"
    status = 404


class Forbidden(EasyFlowError):
    """This caller may not do that."""

    code = "forbidden"
    status = 403


class Conflict(EasyFlowError):
    """The object is no longer in the state this act needs."""

    code = "conflict"
    status = 409


class Stale(Conflict):
    """Someone changed this since you looked; look again."""

    code = "stale_version"


class Busy(Conflict):
    """Another request with this key is still under way; repeat it shortly."""

    code = "in_flight"
    retryable = True


class Invalid(EasyFlowError):
    """The request does not say something EasyFlow can accept.

    `problems` lists `{"at": "payload.amount", "message": "..."}` entries; they never repeat input values.
    """

    code = "invalid"
    status = 422

    def __init__(self, message: str | None = None, problems: list[dict[str, str]] | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.problems = problems or []


class Malformed(Invalid):
    """The body is not JSON that PostgreSQL can keep."""

    code = "malformed"
    status = 400


class KeyReused(Invalid):
    """This idempotency key was used before with another body."""

    code = "idempotency_key_reused"


class TooLarge(EasyFlowError):
    """The body is larger than the limit."""

    code = "too_large"
    status = 413


class StorageUnavailable(EasyFlowError):
    """The database does not answer; nothing was changed that you were not told of."""

    code = "database_unavailable"
    status = 503
    retryable = True


class CommitUnknown(StorageUnavailable):
    """Nobody can tell whether this was stored: the database went away meanwhile; look, or repeat it with its key."""

    code = "commit_unknown"


class LostClaim(EasyFlowError):
    """Another claim owns this job now; stop, and roll back everything this attempt wrote."""

    code = "lost_claim"
    status = 409


class EffectInDoubt(EasyFlowError):
    """Nobody knows whether an effect happened; the job is set aside until a person says."""

    code = "effect_in_doubt"
    status = 409


class ItemsOpen(EasyFlowError):
    """The handler returned although items it emitted are not known to be kept: await each ctx.emit."""

    code = "items_open"
    status = 409


class EffectOpen(EasyFlowError):
    """The handler returned although the outcome of one of its effects is not known."""

    code = "effect_open"
    status = 409
