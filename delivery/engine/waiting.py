"""Waiting for an event, but not for ever."""

import asyncio


async def wait_for(event: asyncio.Event, timeout_s: float) -> None:
    """Until it is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
