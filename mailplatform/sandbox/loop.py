"""The event loop that the sandbox runs on: uvloop's, where it is installed; the same for the process and for tests."""

import asyncio


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop that nobody runs yet."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
