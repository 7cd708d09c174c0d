"""supervisord under our hand: its configuration, its start and end, and what it has restarted.

Owns: DATA/supervisord.conf, its socket beside the database's, DATA/log/NAME.log (rotated). Promises: what dies is started again,
after a pause that grows to ten seconds, for ever, and each restart can be told. Children end stage by stage: senders, then what they
send to, then the database. supervisord itself ends when this process does, however that comes about.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from mailplatform.up import survivors
from mailplatform.up.options import ROOT, Refused
from mailplatform.up.programs import Program

# supervisord waits 1, 2, 3 … s between tries and then gives up; `look` starts it again from 1: so the pause stays below this.
LONGEST_PAUSE_S = 10
LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Sight:
    """One program at one moment."""

    name: str
    state: str  # supervisord's word: STARTING RUNNING BACKOFF STOPPING STOPPED EXITED FATAL UNKNOWN
    pid: int
    exit_status: int
    last_words: str


class Supervisor:
    def __init__(self, data: Path, socket_folder: Path, environment: dict[str, str]) -> None:
        self.data = data
        self.configuration = data / "supervisord.conf"
        self.socket = socket_folder / "supervisor.sock"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.programs: list[Program] = []

    def start(self, programs: list[Program]) -> None:
        """Start supervisord with these programs; they start by stage."""
        self._write(programs)
        self.socket.unlink(missing_ok=True)
        with (self.data / "log" / "supervisord.err").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration)],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,  # a terminal's Ctrl-C reaches bin/up alone, which then stops all in order
                preexec_fn=survivors.stop_with_parent,
            )
        deadline = time.monotonic() + 15
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Refused(f"The supervisor did not start: read {self.data}/log/supervisord.err.")
            time.sleep(0.05)

    def add(self, programs: list[Program]) -> None:
        """Start more programs beside those that run."""
        self._write([*self.programs, *programs])
        added, _, _ = self._call("supervisor.reloadConfig")[0]
        for group in added:
            self._call("supervisor.addProcessGroup", group)

    def look(self) -> list[Sight]:
        """All programs now; those that supervisord gave up are tried again."""
        sights = [Sight(p["name"], p["statename"], p["pid"], p["exitstatus"], p["spawnerr"]) for p in self._call("supervisor.getAllProcessInfo")]
        stages = {program.name: program.stage.name.lower() for program in self.programs}
        for sight in sights:
            if sight.state in ("FATAL", "EXITED"):
                self._call("supervisor.startProcess", f"{stages[sight.name]}:{sight.name}", False)
        return sights

    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End everything, stage by stage; what will not end is killed after its own patience."""
        if not self.process:
            return
        patience_s = 5 + sum(max((p.stop_wait_s for p in self.programs if p.stage == stage), default=0) + 2 for stage in {p.stage for p in self.programs})
        if self.lives():
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _write(self, programs: list[Program]) -> None:
        self.programs = programs
        self.configuration.write_text(configuration(self.data, self.socket, programs))

    def _answers(self) -> bool:
        try:
            return bool(self._call("supervisor.getState"))
        except Refused:
            return False

    def _call(self, method: str, *arguments: Any) -> Any:
        proxy = ServerProxy("http://supervisor", transport=SupervisorTransport(None, None, f"unix://{self.socket}"))
        try:
            call: Any = proxy
            for part in method.split("."):
                call = getattr(call, part)
            return call(*arguments)
        except Fault as fault:
            if "ALREADY_STARTED" in fault.faultString:
                return None
            raise Refused(f"The supervisor refused {method}: {fault.faultString}.") from None
        except (OSError, ConnectionError) as error:
            raise Refused(f"The supervisor does not answer ({error}): read {self.data}/log/supervisord.log.") from None


def configuration(data: Path, socket: Path, programs: Iterable[Program]) -> str:
    """supervisord.conf. It holds no secrets: those come to all children by supervisord's own environment."""
    programs = list(programs)
    log = data / "log"
    parts = [
        _section("unix_http_server", file=socket, chmod="0700"),
        _section("supervisord", nodaemon="true", silent="true", directory=ROOT, identifier="mailplatform", nocleanup="true", umask="077",
                 logfile=log / "supervisord.log", logfile_maxbytes=LOG_BYTES, logfile_backups=2, childlogdir=log, pidfile=data / "supervisord.pid"),
        _section("rpcinterface:supervisor", **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}),
    ]
    for stage in sorted({program.stage for program in programs}):
        members = [program for program in programs if program.stage == stage]
        parts += [_program(program, log) for program in members]
        parts.append(_section(f"group:{stage.name.lower()}", programs=",".join(p.name for p in members), priority=int(stage)))
    return "\n".join(parts)


def _program(program: Program, log: Path) -> str:
    environment = ",".join(f'{name}="{value}"' for name, value in program.environment.items() if value)
    return _section(
        f"program:{program.name}",
        command=" ".join(_quoted(word) for word in program.command),
        environment=environment,
        autostart="true",
        autorestart="true",
        startsecs=program.proves_itself_s,
        startretries=LONGEST_PAUSE_S,
        stopsignal=program.stop_signal,
        stopwaitsecs=program.stop_wait_s,
        stopasgroup="false",  # the parent alone ends its workers in order
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=log / f"{program.name}.log",
        stdout_logfile_maxbytes=LOG_BYTES,
        stdout_logfile_backups=3,
    )


def _section(name: str, **values: object) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {str(value).replace('%', '%%')}\n" for key, value in values.items() if value != "")


def _quoted(word: str) -> str:
    return word if word and not set(word) & set(" \"'\\;") else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
