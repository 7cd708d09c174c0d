"""Postfix at its best, driven by its own smtp-source: everything goes to the sink by `relayhost`, nothing is throttled.

`Setting` is what its operator would tune for one such destination: how many deliveries at once, and over TLS whether connections are kept
(tlsproxy) or only sessions are remembered (Debian's default).
"""

import os
import subprocess
import time
from dataclasses import dataclass

from tests.bench.peers.measure import Run, measure
from tests.bench.peers.private_postfix import PrivatePostfix
from tests.bench.peers.side_by_side import side_by_side
from tests.bench.peers.sink import Endpoint, Sink, program

SESSIONS = 20
SIZE_BYTES = 5_120
WARM_UP = 500


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried; the better one counts."""

    concurrent: int
    reuse: bool = False  # of connections over TLS; in the clear Postfix always keeps them under load

    def told(self, tls: bool) -> str:
        return f"{self.concurrent} at once" + ((", connections kept" if self.reuse else ", a handshake each") if tls else "")


CLEAR = (Setting(20), Setting(100))
SECURED = (Setting(20, True), Setting(20), Setting(100, True), Setting(100))


def why_not() -> str:
    """Why Postfix cannot be measured here, in one sentence; empty when it can."""
    missing = [name for name in ("postfix", "smtp-source", "smtp-sink", "stunnel4") if program(name) is None]
    if missing:
        return f"Postfix is left out: {', '.join(missing)} cannot be found (bin/bench installs postfix and stunnel4 as root, where apt-get works)."
    return "" if os.geteuid() == 0 else "Postfix is left out: it starts as root only."


class Postfix(PrivatePostfix):
    def __init__(self, setting: Setting, to: Endpoint) -> None:
        super().__init__()
        self._setting, self._to = setting, to

    def run(self, sink: Sink, count: int, domains: int) -> Run:
        warm_up, before = max(WARM_UP, domains), sink.count()
        self._inject(warm_up, domains)
        deadline = time.monotonic() + 60
        while sink.count() < before + warm_up or not self.is_idle():
            assert time.monotonic() < deadline, f"Postfix delivered {sink.count() - before} of {warm_up} messages: {self.log()}"
            time.sleep(0.05)
        done = measure(self, sink, count, lambda: self._inject(count, domains))
        assert done.doubled == 0, f"{done.doubled} of {count:,} went twice"
        return done

    # -- its operator -------------------------------------------------------------------------------------------------

    def _own(self) -> dict[str, str]:
        at_once = str(self._setting.concurrent)
        return {
            **super()._own(),
            "relayhost": f"[{self._to.host}]:{self._to.port}",
            "smtp_connection_cache_destinations": f"{self._to.host}, [{self._to.host}]:{self._to.port}",
            "default_destination_concurrency_limit": at_once,
            "smtp_destination_concurrency_limit": at_once,
            "smtp_tls_security_level": "encrypt" if self._to.tls else "none",
            "smtp_tls_connection_reuse": "yes" if self._to.tls and self._setting.reuse else "no",
        }

    # -- its tenant -----------------------------------------------------------------------------------------------------

    def _inject(self, count: int, domains: int) -> None:
        """Twenty sessions: of one smtp-source, or of ten that each go through their share of the domains."""
        if domains == 1:
            return self._source(SESSIONS, count, "to-0.example")
        lanes = min(SESSIONS // 2, domains)

        def lane(number: int, _: object) -> None:
            for domain in range(number, domains, lanes):
                self._source(SESSIONS // lanes, count // domains + (domain < count % domains), f"to-{domain}.example")

        side_by_side(lane, lanes)

    def _source(self, sessions: int, count: int, domain: str) -> None:
        """-d keeps the connection for many messages, -N gives every recipient a number."""
        numbers = ("-s", str(min(sessions, count)), "-l", str(SIZE_BYTES), "-m", str(count))
        command = (program("smtp-source") or "", "-d", "-N", *numbers, "-f", "hello@harbourbank.example", "-t", f"user@{domain}", self.address)
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"smtp-source: {done.stderr[-500:]}{self.log()}"
