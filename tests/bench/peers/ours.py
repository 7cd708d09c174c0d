"""Our side: a whole platform as an operator runs it, with a static route for everything to the sink.

What an operator with a sink of his own would do is done the same way: `bin/manage route set`, and the default provider's limits lifted by
its overrides. Signing or not is which of the sending domain's keys are active. The client posts batches prepared beforehand
over a few kept connections, and takes nothing but 202 for an answer.
"""

import http.client
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.bench.peers import messages
from tests.bench.peers.measure import Run, measure
from tests.bench.peers.side_by_side import side_by_side
from tests.bench.peers.sink import Endpoint, Sink
from tests.bench.peers.usage import Groups, tree
from tests.flow.platform import QUEUED, Platform, wait_until

CONNECTIONS = 4  # the web server has two workers of four threads; every connection stays with one worker
STREAM = "notification"
LIMITS_LIFTED = '{"per_second": null, "per_minute": null, "connections_per_minute": null, "messages_per_connection": 10000}'
WARM_UP = 500
ZONE = "north"  # the demo's other zone stands for other machines: one machine, one node, one engine is how two cores are run at their best
KEYS = {"none": (), "rsa": ("rsa-sha256",), "both": ("rsa-sha256", "ed25519-sha256")}
SANDBOX = "sandbox"  # the simulated internet is no part of the platform: nothing is delivered to it here


class Ours:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mp-bench-"))
        self.platform = Platform(self._folder / "data")
        self._database: psycopg.Connection | None = None
        self._signing, self._route = "", ""

    def start(self) -> None:
        self.platform.start("--zone", ZONE)
        self._database = self.platform.database()
        self._rows("UPDATE pools_provider SET overrides = %s WHERE key = 'default' RETURNING 1", LIMITS_LIFTED)

    def stop(self) -> None:
        if self._database is not None:
            self._database.close()
        if self.platform.process is not None:
            self.platform.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, sink: Sink, count: int, domains: int, form: str = "json", tls: bool = False, signing: str = "none", name: str = "") -> Run:
        """Bring the platform into this state, warm it up, measure."""
        self._sign(signing)
        self._lead_to(sink.secured if tls else sink.clear)
        self._inject(messages.batches(max(WARM_UP, domains), domains, self.platform.address(), form, STREAM, "warm-up"))
        wait_until(self.is_idle, 120, "the platform was idle")
        bodies = messages.batches(count, domains, self.platform.address(), form, STREAM, name or form)
        engines, fsyncs, delivered = self.engine_pids(), self._fsyncs(), self._delivered()
        done = measure(self, sink, count, lambda: self._inject(bodies), frozenset({SANDBOX}))
        assert self._delivered() - delivered == count, f"{self._delivered() - delivered:,} of {count:,} are delivered by the history"
        if self.engine_pids() == engines:
            assert done.doubled == 0, f"{done.doubled} of {count:,} went twice"
            note = ""
        else:  # only where it died between a dot and its answer may something go twice (docs/failure.md)
            note = f"an engine ended in this run: its CPU is among the others, {done.doubled} went twice"
        return replace(done, fsyncs=(self._fsyncs() - fsyncs) / count, note=note)

    def groups(self) -> Groups:
        assert self.platform.process is not None
        engines, groups = set(self.engine_pids()), Groups()
        above: dict[int, str] = {}
        for process in tree(self.platform.process.pid):
            try:
                group = above[process.pid] = _group(process, engines, above)
            except psutil.Error:
                continue
            groups.setdefault(group, []).append(process)
        return groups

    def _at_full_strength(self) -> bool:
        return self._rows("SELECT count(*) FROM delivery_engine WHERE jsonb_array_length(state->'ips') = 4") == [(1,)]

    def is_idle(self) -> bool:
        return self._rows(QUEUED) == [(0,)]

    def engine_pids(self) -> list[int]:
        return [pid for (pid,) in self._rows("SELECT pid FROM delivery_engine ORDER BY id")]

    def durability(self) -> str:
        return ", ".join(f"{name}={self._rows(f'SHOW {name}')[0][0]}" for name in ("fsync", "synchronous_commit", "wal_sync_method"))

    def message_bytes(self) -> float:
        """What an average message has in the store, before it is signed."""
        return float(self._rows("SELECT coalesce(avg(length(mime)), 0) FROM (SELECT mime FROM delivery_body LIMIT 1000) sample")[0][0])

    def _fsyncs(self) -> int:
        """Of the write-ahead log so far."""
        return int(self._rows("SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal'")[0][0])

    def _delivered(self) -> int:
        return int(self._rows("SELECT count(*) FROM delivery_delivery WHERE final = 'delivered'")[0][0])

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Over one kept connection: a new one for each look would cost what is measured."""
        assert self._database is not None
        return self._database.execute(query, parameters or None).fetchall()

    # -- the operator ---------------------------------------------------------------------------------------------------

    def _lead_to(self, end: Endpoint) -> None:
        to = f"{end.host}:{end.port} {'required' if end.tls else 'none'}"
        if to != self._route:
            self.platform.manage("route", "set", "*", to.split()[0], "--tls", to.split()[1])
            self._route = to

    def _sign(self, signing: str) -> None:
        if signing == self._signing:
            return
        self._rows("UPDATE tenants_dkimkey SET active = algorithm = ANY (%s) RETURNING 1", list(KEYS[signing]))
        self._restart_engines()  # they keep a domain's keys, and providers' limits, for a minute
        self._signing = signing

    def _restart_engines(self) -> None:
        """A drain each; the new ones have read everything."""
        wait_until(self._at_full_strength, 90, "the engines were there")
        former = set(self.engine_pids())
        for pid in former:
            os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: not former & set(self.engine_pids()) and self._at_full_strength(), 90, "new engines were there")

    # -- the tenant -----------------------------------------------------------------------------------------------------

    def _inject(self, bodies: list[bytes]) -> None:
        left, lock = iter(bodies), threading.Lock()

        def post(_: int, failed: Sequence[BaseException]) -> None:
            connection = http.client.HTTPConnection(f"127.0.0.1:{self.platform.port}", timeout=120)
            while not failed:
                with lock:
                    body = next(left, None)
                if body is None:
                    return
                connection.request("POST", "/api/v1/messages/batch", body, self._headers())
                answer = connection.getresponse()
                said = answer.read()
                assert answer.status == 202, said[:500]

        side_by_side(post, min(CONNECTIONS, len(bodies)))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.platform.demo['tenant']['api_key']}", "Content-Type": "application/json"}


def _group(process: psutil.Process, engines: set[int], above: dict[int, str]) -> str:
    """A parent comes before its children: most belong where it does."""
    if process.pid in engines:
        return "engines"
    inherited = above.get(process.ppid(), "")
    if inherited in ("web", "postgres", "engines", SANDBOX):
        return inherited
    command = " ".join(process.cmdline())
    if "gunicorn" in command:
        return "web"
    if "mailplatform.sandbox" in command:
        return SANDBOX
    return "postgres" if process.name() == "postgres" else "others"
