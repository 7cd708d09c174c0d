"""Cut: this process is without the database for a while, on purpose: a drill's seam (docs/failure.md).

Owns: until when. Promises: every connection that `connect` made is shut, and none is made, until this process's own clock says so, LONGEST_S at most: nothing
that happens meanwhile can make it longer. Costs a comparison where a connection is made. Never: asks who may do that.
"""

import contextlib
import os
import socket
import time
import weakref
from typing import Any

import psycopg

LONGEST_S = 60.0
_until_s = 0.0
_open: "weakref.WeakSet[Any]" = weakref.WeakSet()


def begin(seconds: float) -> None:
    """From now on, for so long."""
    global _until_s
    _until_s = time.monotonic() + max(0.0, min(seconds, LONGEST_S))
    for connection in list(_open):
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer hears that the line is dead


def end() -> None:
    """It was enough."""
    global _until_s
    _until_s = 0.0


def refuse() -> None:
    if _until_s and time.monotonic() < _until_s:
        raise psycopg.OperationalError("a drill has cut this process off from the database")


def note(connection: Any) -> None:
    """It is to be shut when a cut begins."""
    _open.add(connection)
