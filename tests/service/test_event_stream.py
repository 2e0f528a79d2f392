"""What happens is told to whoever listens, and costs nobody anything who doesn't."""

from __future__ import annotations

import asyncio

from vsortd.service.event_stream import Hub


def test_one_who_does_not_read_loses_the_oldest_events_only() -> None:
    async def listen() -> list[str]:
        hub = Hub()
        stream = hub.stream(lambda: {"state": "running"})
        found = [await anext(stream)]
        for number in range(3000):
            hub.tell_item({"id": number})
        hub.changed()
        found += [await anext(stream) for _ in range(1001)]
        await stream.aclose()
        return found

    found = asyncio.run(listen())
    assert sum(text.startswith("event: status") for text in found) >= 2
    assert any('{"id": 2999}' in text for text in found)
