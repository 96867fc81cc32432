"""Cursors: what a claimer walks, and what it passes over, for any tickets it has seen."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from easyflow.storage.streams import HIGHEST, LOWEST, MOST_STREAMS, Rescan, Streams

seqs = st.integers(1, 10**12)
positions = st.tuples(st.integers(-32_768, 32_767), st.integers(0, 1), seqs)


def row(position: tuple[int, int, int], queue: str = "q") -> Any:
    """The part of a claimed row that moves a cursor."""
    return {"queue": queue, "priority": position[0], "lane": position[1], "ready_seq": position[2]}


def walked(streams: Streams, position: tuple[int, int, int]) -> int:
    """How many intervals hold a position."""
    return sum(i.low < position <= i.high for i in streams.intervals(["q"]))


def test_without_a_cursor_a_queue_is_walked_from_end_to_end() -> None:
    (interval,) = Streams().intervals(["q"])
    assert interval == ("q", LOWEST, HIGHEST)


@settings(deadline=None)
@given(st.lists(positions, max_size=20), positions)
def test_each_ticket_is_walked_once_unless_it_is_behind_the_cursor_of_its_stream(
    seen: list[tuple[int, int, int]], ticket: tuple[int, int, int]
) -> None:
    streams = Streams()
    streams.advance(row(position) for position in seen)
    cursor = max((seq for priority, lane, seq in seen if (priority, lane) == ticket[:2]), default=0)
    assert walked(streams, ticket) == (1 if ticket[2] > cursor else 0)


@settings(deadline=None)
@given(st.lists(positions, max_size=20))
def test_the_intervals_of_a_queue_are_walked_in_the_order_of_urgency(seen: list[tuple[int, int, int]]) -> None:
    streams = Streams()
    streams.advance(row(position) for position in seen)
    intervals = streams.intervals(["q"])
    assert all(i.low <= i.high for i in intervals)
    assert all(first.high <= second.low for first, second in pairwise(intervals))


def test_queues_are_walked_in_the_order_given_each_with_its_own_cursor() -> None:
    streams = Streams()
    streams.advance([row((0, 1, 7), "b")])
    assert [i.queue for i in streams.intervals(["b", "a"])] == ["b", "b", "b", "a"]


def test_a_cursor_never_goes_back() -> None:
    streams = Streams()
    streams.advance([row((0, 1, 7)), row((0, 1, 5))])
    assert walked(streams, (0, 1, 6)) == 0


def test_forgetting_walks_everything_again() -> None:
    streams = Streams()
    streams.advance([row((0, 1, 7))])
    streams.forget()
    assert walked(streams, (0, 1, 6)) == 1


def test_a_queue_with_very_many_streams_starts_over() -> None:
    streams = Streams()
    streams.advance(row((priority, 1, 1)) for priority in range(MOST_STREAMS + 1))
    assert len(streams.intervals(["q"])) == 1


def test_rescans_take_at_most_their_share_of_the_time() -> None:
    rescan = Rescan(0.05)
    assert rescan.due(0.0)
    rescan.took(now=10.0, seconds=1.0)
    assert not rescan.due(29.9)
    assert rescan.due(30.0)
