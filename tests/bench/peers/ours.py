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
from pathlib import Path

import psutil

from tests.bench.peers import messages
from tests.bench.peers.measure import Run, measure
from tests.bench.peers.sink import Endpoint, Sink
from tests.bench.peers.usage import Groups, tree
from tests.flow.platform import Platform, wait_until

CONNECTIONS = 4  # the web server has two workers of four threads; every connection stays with one worker
STREAM = "notification"
LIMITS_LIFTED = '{"per_second": null, "per_minute": null, "connections_per_minute": null, "messages_per_connection": 10000}'
WARM_UP = 500
KEYS = {"none": (), "rsa": ("rsa-sha256",), "both": ("rsa-sha256", "ed25519-sha256")}
SANDBOX = "sandbox"  # the simulated internet is no part of the platform: nothing is delivered to it here


class Ours:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mp-bench-"))
        self.platform = Platform(self._folder / "data")
        self._signing, self._route, self._warm = "both", "", set[tuple[str, str, int]]()

    def start(self) -> None:
        self.platform.start()
        self._change("UPDATE pools_provider SET overrides = %s WHERE key = 'default'", LIMITS_LIFTED)
        self._restart_engines()

    def stop(self) -> None:
        if self.platform.process is not None:
            self.platform.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, sink: Sink, count: int, domains: int, form: str = "json", tls: bool = False, signing: str = "none", name: str = "") -> Run:
        """Bring the platform into this state, warm it up, measure."""
        self._sign(signing)
        self._lead_to(sink.secured if tls else sink.clear)
        self._inject(messages.batches(max(WARM_UP, domains), domains, self.platform.address(), form, STREAM, "warm-up"))
        self._settle()
        bodies = messages.batches(count, domains, self.platform.address(), form, STREAM, name or form)
        engines = self.platform.engine_pids()
        done = measure(self, sink, count, lambda: self._inject(bodies), frozenset({SANDBOX}))
        if self.platform.engine_pids() != engines:
            print("  the next run saw an engine end and another take its place: its CPU is among the others", flush=True)
        return done

    def groups(self) -> Groups:
        assert self.platform.process is not None
        engines, groups = set(self.platform.engine_pids().values()), Groups()
        above: dict[int, str] = {}
        for process in tree(self.platform.process.pid):
            try:
                group = above[process.pid] = _group(process, engines, above)
            except psutil.Error:
                continue
            groups.setdefault(group, []).append(process)
        return groups

    def is_idle(self) -> bool:
        return self.platform.queued() == 0

    def durability(self) -> str:
        settings = ("fsync", "synchronous_commit", "wal_sync_method")
        return ", ".join(f"{name}={self.platform.rows(f'SHOW {name}')[0][0]}" for name in settings)

    def fsyncs(self) -> int:
        """Of the write-ahead log so far."""
        return int(self.platform.rows("SELECT coalesce(sum(fsyncs), 0) FROM pg_stat_io WHERE object = 'wal'")[0][0])

    def message_bytes(self) -> float:
        """What an average message has in the store, before its signatures."""
        return float(self.platform.rows("SELECT coalesce(avg(length(mime)), 0) FROM (SELECT mime FROM delivery_body LIMIT 1000) sample")[0][0])

    # -- the operator ---------------------------------------------------------------------------------------------------

    def _lead_to(self, end: Endpoint) -> None:
        to = f"{end.host}:{end.port} {'required' if end.tls else 'none'}"
        if to != self._route:
            self.platform.manage("route", "set", "*", to.split()[0], "--tls", to.split()[1])
            self._route = to

    def _sign(self, signing: str) -> None:
        if signing == self._signing:
            return
        self._change("UPDATE tenants_dkimkey SET active = algorithm = ANY (%s)", list(KEYS[signing]))
        self._restart_engines()  # they keep a domain's keys for a minute
        self._signing = signing

    def _change(self, statement: str, *values: object) -> None:
        with self.platform.database() as connection:
            connection.execute(statement, values)

    def _restart_engines(self) -> None:
        """A drain each; the new ones have read everything."""
        former = self.platform.engine_pids()
        for pid in former.values():
            os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: not former.keys() & self.platform.engine_pids().keys() and self.platform.at_full_strength(), 90, "new engines were there")

    def _settle(self) -> None:
        wait_until(self.is_idle, 120, "the platform was idle")

    # -- the tenant -----------------------------------------------------------------------------------------------------

    def _inject(self, bodies: list[bytes]) -> None:
        left, lock, failed = iter(bodies), threading.Lock(), list[BaseException]()

        def post() -> None:
            try:
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
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=post, daemon=True) for _ in range(min(CONNECTIONS, len(bodies)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.platform.demo['tenant']['api_key']}", "Content-Type": "application/json"}


def _group(process: psutil.Process, engines: set[int], above: dict[int, str]) -> str:
    """A parent comes before its children: most belong where it does."""
    if process.pid in engines:
        return "engines"
    inherited = above.get(process.ppid(), "")
    if inherited in ("web", "postgres", SANDBOX):
        return inherited
    command = " ".join(process.cmdline())
    if "gunicorn" in command:
        return "web"
    if "mailplatform.sandbox" in command:
        return SANDBOX
    return "postgres" if process.name() == "postgres" else "others"
