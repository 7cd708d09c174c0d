"""Which processes make up the platform, as data: the supervisor runs them, the panel counts them.

A stage ends after all stages above it have ended: senders first, then what they send to, the database last.
"""

import sys
from dataclasses import dataclass, field
from enum import IntEnum

from mailplatform.up.options import ROOT, Options, Refused
from mailplatform.up.ports import Ports

DRAIN_S = 10  # how long an engine may take to finish what it has in hand


class Stage(IntEnum):
    """Lower starts earlier and ends later (supervisord's priority)."""

    DATABASE = 10
    WORLD = 20
    PLATFORM = 30


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: tuple[str, ...]
    stage: Stage = Stage.PLATFORM
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait_s: int = 5
    proves_itself_s: int = 2  # up for so long counts as started


@dataclass(frozen=True, slots=True)
class Topology:
    """The nodes and zones that run on this machine."""

    nodes: tuple[tuple[str, str], ...]  # (node, its zone)
    zones: tuple[str, ...]

    def of_zone(self, name: str) -> "Topology":
        """What of it runs on a machine of this zone; everything for "". Refused: there is no such zone."""
        if not name:
            return self
        if name not in self.zones:
            raise Refused(f"There is no zone '{name}': there {'are' if len(self.zones) > 1 else 'is'} {', '.join(self.zones) or 'none'}.")
        return Topology(tuple((node, zone) for node, zone in self.nodes if zone == name), (name,))


def database(command: list[str]) -> Program:
    # SIGINT is PostgreSQL's fast shutdown: sessions end, everything is flushed.
    return Program("postgres", tuple(command), Stage.DATABASE, stop_signal="INT", stop_wait_s=30, proves_itself_s=1)


def platform(options: Options, topology: Topology, ports: Ports | None, submission: bool = False) -> list[Program]:
    """Everything but the database."""
    programs = [_sandbox(options, ports)] if ports else []
    programs += [_web(options), _cluster("jobs", "")]
    for node, zone in topology.nodes:
        programs += [
            _cluster(f"delivery-{node}", node, zone),
            Program(f"agent-{node}", _manage("node_agent"), environment={"NODE": node, "ZONE": zone}, stop_wait_s=DRAIN_S + 2),
        ]
    programs += [Program(f"watcher-{zone}", _manage("watcher"), environment={"ZONE": zone}) for zone in topology.zones]
    programs += [Program(f"alarms-{zone}", _manage("alarms"), environment={"ZONE": zone}) for zone in topology.zones]
    programs.append(Program("steward", _manage("steward")))
    if not options.zone:  # beside the zones' watchers a third vantage point; with machines of their own, where an operator starts it
        programs.append(Program("witness", _manage("witness")))
    if ports or options.incoming:
        programs.append(Program("incoming", _manage("incoming"), stop_wait_s=DRAIN_S))
    programs.append(Program("webhooks", _manage("webhooks"), stop_wait_s=DRAIN_S))
    if submission:
        programs.append(Program("submission", _manage("submission"), environment={"ZONE": options.zone}, stop_wait_s=DRAIN_S))
    if options.demo_traffic:
        programs.append(Program("demo", _manage("demo_traffic")))
    return programs


def _web(options: Options) -> Program:
    host = f"[{options.host}]" if ":" in options.host else options.host
    command = [
        sys.executable, "-m", "gunicorn", "mailplatform.wsgi", "--bind", f"{host}:{options.port}", "--workers", "2", "--threads", "4",
        "--worker-tmp-dir", _memory_folder(), "--timeout", "60", "--graceful-timeout", "5", "--max-requests", "20000", "--max-requests-jitter", "2000",
        "--limit-request-line", "8190", "--log-level", "warning", "--no-control-socket", "--preload",
    ]  # fmt: skip
    if options.certificate:
        command += ["--certfile", options.certificate, "--keyfile", options.certificate_key]
    return Program("web", tuple(command), environment={"ZONE": options.zone}, stop_wait_s=8)


def _cluster(name: str, node: str, zone: str = "") -> Program:
    environment = {"Q_CLUSTER_NAME": name, "NODE": node, "ZONE": zone}
    short = f"cluster-{node}" if node else f"cluster-{name}"
    # supervisord signals the cluster's parent alone: workers that get SIGTERM too would drop their tasks.
    return Program(short, _manage("delivery_cluster" if node else "qcluster", "--skip-checks"), environment=environment, stop_wait_s=DRAIN_S + 2)


def _sandbox(options: Options, ports: Ports) -> Program:
    folder = options.data / "sandbox"
    command = [
        sys.executable, "-m", "mailplatform.sandbox", "--data", str(folder), "--dns", f"127.0.0.1:{ports.dns}",
        "--smtp-port", str(ports.smtp), "--http", f"127.0.0.1:{ports.inbox}", "--https-port", str(ports.https), "--zones", str(folder / "zones.json"),
        "--returns-port", str(ports.returns), "--fronts", _web_inside(options),
    ]  # fmt: skip
    return Program("sandbox", tuple(command), Stage.WORLD)


def _web_inside(options: Options) -> str:
    """Where the web server is for those on this machine who speak plain HTTP; empty when it does not."""
    host = "127.0.0.1" if options.host in ("0.0.0.0", "localhost") else options.host  # noqa: S104
    return "" if options.certificate or ":" in host else f"{host}:{options.port}"


def _manage(*command: str) -> tuple[str, ...]:
    return (sys.executable, str(ROOT / "manage.py"), *command)


def _memory_folder() -> str:
    """Gunicorn's heartbeat files: in memory, so that a slow disk never looks like a hung worker."""
    import os

    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else os.environ.get("TMPDIR", "/tmp")  # noqa: S108
