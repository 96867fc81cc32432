"""Tests of a task: each runs one attempt in this process, without a database."""

from __future__ import annotations

import pytest
from parcels import follow

from easyflow import Fail, Retry
from easyflow.testing import run_task


def test_a_delivered_parcel_is_found() -> None:
    assert run_task(follow, {"number": "A1"}) == "delivered"


def test_an_unknown_parcel_is_not_tried_again() -> None:
    with pytest.raises(Fail, match="nobody knows the parcel Z9"):
        run_task("parcels.follow", {"number": "Z9"})


def test_a_closed_office_is_asked_again() -> None:
    with pytest.raises(Retry):
        run_task(follow, {"number": "C3"}, attempt=2)
