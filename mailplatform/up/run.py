"""One run of the platform: `up()` in order, `watch()` until told otherwise, `down()` in reverse.

Promises: `down()` leaves no process behind, whatever `up()` had come to; what dies meanwhile is started again and told.
"""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psycopg

from mailplatform.shell.database.connect import connect
from mailplatform.up import programs, survivors
from mailplatform.up.identity import settle_identity
from mailplatform.up.installation import Installation, environment
from mailplatform.up.join import Joining, joining
from mailplatform.up.mode import settle_mode
from mailplatform.up.narrator import Narrator
from mailplatform.up.options import REFUSED, ROOT, Options, Refused
from mailplatform.up.panel import joined_panel, panel
from mailplatform.up.ports import Ports, claim_web_port, sandbox_ports, submission_places
from mailplatform.up.postgres import EmbeddedPostgres
from mailplatform.up.supervisor import Supervisor

START_PATIENCE_S = 90.0
ENGINES_PATIENCE_S = 45.0
LOOK_EVERY_S = 1.0


class Run:
    def __init__(self, options: Options, started_at: float) -> None:
        self.options = options
        self.started_at = started_at
        self.installation = Installation(options.data)
        self.postgres: EmbeddedPostgres | None = None
        self.supervisor: Supervisor | None = None
        self.environment: dict[str, str] = {}
        self.joined: Joining | None = None  # to a platform whose database another machine brings along
        self.narrator = Narrator(self.installation.logs)
        self.is_ours = False  # the data folder, and so every process with its mark

    # -- up -------------------------------------------------------------------------------------------------------
    def up(self) -> None:
        self.installation.open()
        self.is_ours = True
        self._end_survivors()
        if found := joining(self.options, self.installation):
            self.options, self.joined = found
        claim_web_port(self.options.host, self.options.port)
        free = None if self.options.live else sandbox_ports(self.options.data)
        ports = None if self.joined else free  # a sandbox has one simulated internet: the first machine's
        url = self._database()
        self.installation.number()
        shared = self.joined.shared if self.joined else {}
        self.environment = environment(self.options, self.installation, url, ports, submission_places(self.options, free), shared)
        self.installation.remember(self.environment)
        self._start_database()
        if not self.joined:
            settle_mode(url, self.options.mode)
            settle_identity(url, self.installation.secrets())
        self._prepare()
        self._start_rest(ports)
        self._await_web()
        self._await_engines()
        self._tell()
        inbox, smtp, seconds = self.environment.get("SANDBOX_URL", ""), self.environment.get("SUBMISSION", ""), time.monotonic() - self.started_at
        url = self.environment["PUBLIC_URL"]
        told = joined_panel(self.options, url, seconds) if self.joined else panel(self.options, url, self.installation.demo, inbox, seconds, smtp)
        say("\n" + told)

    def _end_survivors(self) -> None:
        if survivors.marked(self.options.data):
            say("Ending what an earlier start left behind …")
            survivors.end_left_behind(self.options.data)
        EmbeddedPostgres(self.options.data).end_survivor()

    def _database(self) -> str:
        """The joined platform's; else DATABASE_URL where it is set; else the embedded server's."""
        if self.joined:
            return self.joined.database_url
        given = os.environ.get("DATABASE_URL")
        if given:
            return given
        self.postgres = EmbeddedPostgres(self.options.data)
        return self.postgres.url

    def _start_database(self) -> None:
        socket_folder = EmbeddedPostgres(self.options.data).socket_folder
        socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.supervisor = Supervisor(self.options.data, socket_folder, self._environment_of_children())
        if self.postgres:
            if not (self.postgres.cluster / "PG_VERSION").exists():
                say("Making the database …")
            self.postgres.make()
            self.supervisor.start([programs.database(self.postgres.command())])
            self.postgres.wait()
        else:
            self._ask_given_database()
            self.supervisor.start([])

    def _ask_given_database(self) -> None:
        try:
            connect(self.environment["DATABASE_URL"], connect_timeout=10).close()
        except psycopg.Error as error:
            why = str(error).strip().splitlines()[-1]
            raise Refused(f"The database in DATABASE_URL does not answer ({why}): check the URL, or unset it for the embedded one.") from None

    def _prepare(self) -> None:
        command = [sys.executable, "-m", "mailplatform.up.prepare", "--zone", self.options.zone, "--node", self.options.node]
        command += ["--join"] if self.joined else []
        done = subprocess.run(command, env=self._environment_of_children(), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
        if done.returncode:
            (self.installation.logs / "prepare.log").write_text(done.stderr)
            words = done.stderr.strip().splitlines()
            if done.returncode == REFUSED and words:
                raise Refused(words[-1])
            raise Refused(f"The database could not be prepared: {words[-1] if words else done.returncode} (all of it in {self.installation.logs}/prepare.log).")

    def _start_rest(self, ports: Ports | None) -> None:
        assert self.supervisor
        topology = self._topology()
        say("Starting web server, engines, agents and watchers …")
        asked = {**os.environ, **self.environment}
        submission = any(asked.get(name) for name in ("SUBMISSION", "SUBMISSION_TLS", "SUBMISSION_RELAY"))
        self.supervisor.add(programs.platform(self.options, topology, ports, submission))
        self._tell()  # learns who is there: what dies before all are up is told as well

    def _topology(self) -> programs.Topology:
        read = json.loads((self.options.data / "topology.json").read_text())
        return programs.Topology(tuple((node, zone) for node, zone in read["nodes"]), tuple(read["zones"])).of_zone(self.options.zone)

    def _await_web(self) -> None:
        host = "127.0.0.1" if self.options.host in ("0.0.0.0", "localhost") else self.options.host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        url = f"{'https' if self.options.certificate else 'http'}://{host}:{self.options.port}/healthz"
        self._await(lambda: _answers(url), f"The web server does not answer: read {self.installation.logs}/web.log.")

    def _await_engines(self) -> None:
        """An engine on every node, so that the first message leaves at once."""
        nodes = [node for node, _ in self._topology().nodes]
        with connect(self.environment["DATABASE_URL"]) as connection:
            count = "SELECT count(DISTINCT n.id) FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id WHERE n.name = ANY (%s)"
            here = lambda: connection.execute(count, [nodes]).fetchone()[0] >= len(nodes)  # type: ignore[index]  # noqa: E731
            if not self._await(here, ""):
                say(f"Not every engine is there yet; the supervisor goes on trying (logs: {self.installation.logs}).")

    def _await(self, condition, failure: str) -> bool:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + (START_PATIENCE_S if failure else ENGINES_PATIENCE_S)
        while not condition():
            if time.monotonic() > deadline:
                if failure:
                    raise Refused(failure)
                return False
            time.sleep(0.1)
        return True

    # -- watch ----------------------------------------------------------------------------------------------------
    def watch(self) -> None:
        assert self.supervisor
        while True:
            time.sleep(LOOK_EVERY_S)
            self._look_after_orphans()
            if not self.supervisor.lives():
                say("The supervisor itself ended: starting it again.")
                self._end_survivors()
                self.supervisor.start(self.supervisor.programs)
            self._tell()

    def _tell(self) -> None:
        """Look at all programs, and say what has befallen them since the last look."""
        assert self.supervisor
        for sentence in self.narrator.tell(self.supervisor.look(), time.monotonic()):
            say(sentence)

    def _look_after_orphans(self) -> None:
        """Workers whose cluster was killed would go on beside its successor."""
        known = [self.supervisor.process.pid] if self.supervisor and self.supervisor.process else []
        found = survivors.adopted(known)
        if found:
            survivors.end(found, patience_s=1)
            survivors.take_leave(found)

    # -- down -----------------------------------------------------------------------------------------------------
    def down(self) -> None:
        """Stop everything in order; then end whatever still carries our mark."""
        if not self.is_ours:
            return
        if self.supervisor:
            say("Stopping …")
            self.supervisor.stop()
        survivors.end(survivors.marked(self.options.data), patience_s=2)
        if self.postgres:
            self.postgres.stop()
        survivors.take_leave(survivors.adopted([]))
        if self.supervisor:
            say("Stopped. The data is kept.")

    def _environment_of_children(self) -> dict[str, str]:
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "mailplatform.settings", "PYTHONUNBUFFERED": "1", **self.environment, **self.installation.mark()}


def say(sentence: str) -> None:
    print(sentence, flush=True)


def _answers(url: str) -> bool:
    context = ssl._create_unverified_context() if url.startswith("https") else None  # noqa: S323  our own server, whose certificate names the public host
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
