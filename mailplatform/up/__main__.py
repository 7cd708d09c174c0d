"""`bin/up`: from nothing to a platform that runs, and back.

A checklist: read the options, take the data folder, end what a killed start left behind, start the database, settle the mode,
bring database and files to this version, start everything else under the supervisor, wait until it answers, print the panel, watch
until told to stop, stop in order. Expected failures are one sentence on stderr and exit status 1.
"""

import os
import signal
import sys
import time
from types import FrameType

import environ

from mailplatform.up import survivors
from mailplatform.up.options import ROOT, Refused, read
from mailplatform.up.postgres import PostgresUnavailable
from mailplatform.up.run import Run


class Told(BaseException):
    """Somebody told us to stop."""


def main(arguments: list[str]) -> int:
    os.umask(0o077)  # what stands in the data folder is this user's alone
    environ.Env.read_env(ROOT / ".env")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _told)
    run = None
    try:
        survivors.adopt_orphans()
        run = Run(read(arguments), started_at=time.monotonic())
        run.up()
        run.watch()
    except (Refused, PostgresUnavailable) as refused:
        print(refused, file=sys.stderr, flush=True)
        return 1
    except Told:
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it stops already
        if run:
            run.down()
    return 0


def _told(number: int, frame: FrameType | None) -> None:
    raise Told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
