"""The pipes between supervisor and executor: a line is a message, and nobody minds a reader that is gone."""

from __future__ import annotations

import os

from easyflow.engine import channel


async def test_what_is_said_is_heard_in_order_until_the_end() -> None:
    read, write = os.pipe()
    stream = await channel.reader_of(os.fdopen(read, "rb"))
    channel.say(write, {"wake": "default"})
    channel.say(write, {"cancel": ["é\n"]})
    os.write(write, b"\n")
    channel.say(write, {"drain": 3})
    os.close(write)
    assert [message async for message in channel.messages(stream)] == [
        {"wake": "default"},
        {"cancel": ["é\n"]},
        {"drain": 3},
    ]


async def test_a_reader_that_is_gone_is_none_of_the_writers_business() -> None:
    read, write = os.pipe()
    os.close(read)
    channel.say(write, {"ready": True})
    os.close(write)


async def test_a_large_message_is_one_line() -> None:
    read, write = os.pipe()
    os.set_blocking(write, True)
    stream = await channel.reader_of(os.fdopen(read, "rb"))
    line = channel.encode({"tasks": ["t" * 200] * 200})
    sent = os.write(write, line)
    os.close(write)
    assert sent == len(line)
    assert [message async for message in channel.messages(stream)] == [{"tasks": ["t" * 200] * 200}]
