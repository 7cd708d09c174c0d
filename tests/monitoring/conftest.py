"""Real engines' stand-ins: processes that hold a lease as an engine does, and agents that watch them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from monitoring.agent import NodeAgent
from monitoring.rhythm import Rhythm
from monitoring.watch import Watcher
from pools.models import Node, Zone

STAND_IN = Path(__file__).with_name("stand_in_engine.py")


def until(true: Callable[[], object], within_s: float, what: str) -> float:
    """Poll until something holds; how long it took."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > within_s:
            raise AssertionError(f"{what}: not within {within_s} s")
        time.sleep(0.005)
    return time.monotonic() - begun


@pytest.fixture
def url(transactional_db: None) -> str:
    """The test database as libpq sees it."""
    settings = connection.settings_dict
    wanted = {"dbname": settings["NAME"], "user": settings["USER"], "host": settings["HOST"], "port": settings["PORT"], "password": settings["PASSWORD"]}
    return make_conninfo("", **{name: value for name, value in wanted.items() if value})


@pytest.fixture
def node(transactional_db: None) -> Node:
    return Node.objects.create(zone=Zone.objects.create(name="north"), name="north-1", engine_slots=1)


@dataclass
class StandIn:
    """One stand-in engine's process."""

    process: subprocess.Popen[str]
    engine_id: int

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass
class World:
    """Stand-in engines and the programs that watch them; everything ends with the test."""

    url: str
    node: Node
    folder: Path
    engines: list[StandIn] = field(default_factory=list)
    programs: list[tuple[Rhythm, threading.Thread]] = field(default_factory=list)

    def start_engine(self, slot: int = 0) -> StandIn:
        process = subprocess.Popen(
            [sys.executable, str(STAND_IN), self.url, self.node.name, str(slot)], stdout=subprocess.PIPE, text=True, env={**os.environ, "NODE": self.node.name}
        )
        assert process.stdout is not None
        engine = StandIn(process, int(process.stdout.readline()))
        self.engines.append(engine)
        return engine

    def start_agent(self, keeps_slots: bool = False) -> NodeAgent:
        agent = NodeAgent(self.url, self.node.name, self.folder, Rhythm(), keeps_slots=keeps_slots)
        self._run(agent)
        return agent

    def start_watcher(self) -> Watcher:
        watcher = Watcher(self.url, self.node.zone.name, Rhythm())
        self._run(watcher)
        return watcher

    def _run(self, program: NodeAgent | Watcher) -> None:
        def body() -> None:
            try:
                program.run()
            finally:
                connection.close()

        thread = threading.Thread(target=body)
        thread.start()
        self.programs.append((program.rhythm, thread))
        until(lambda: program.judge._looked_s is not None, 5, "the first look")

    def end(self) -> None:
        for rhythm, _ in self.programs:
            rhythm.stop()
        for _, thread in self.programs:
            thread.join(10)
        for engine in self.engines:
            engine.process.kill()
            engine.process.wait()

    def query(self, sql: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.url, autocommit=True) as own:
            return own.execute(sql, values or None).fetchall()


@pytest.fixture
def world(url: str, node: Node, tmp_path: Path) -> Iterator[World]:
    made = World(url, node, tmp_path)
    yield made
    made.end()
