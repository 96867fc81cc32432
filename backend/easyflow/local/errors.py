"""What the development stack says when it cannot start."""

from __future__ import annotations

from easyflow.errors import EasyFlowError


class CannotStart(EasyFlowError):
    """The development stack could not start."""

    code = "cannot_start"
