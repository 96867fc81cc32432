"""The one guarded HTTP client: everything EasyFlow sends out goes through it."""

from __future__ import annotations

from easyflow.outbound.client import OutboundClient, OutboundReply
from easyflow.outbound.errors import OutboundFailed, OutboundRefused

__all__ = ["OutboundClient", "OutboundFailed", "OutboundRefused", "OutboundReply"]
