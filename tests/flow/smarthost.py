"""Postfix as a company's own mail server that hands everything to us: relayhost, STARTTLS, AUTH with an API key. Fed by its own smtp-source."""

import subprocess
from pathlib import Path

from tests.bench.peers.postfix import Postfix, Setting
from tests.bench.peers.private_postfix import why_none
from tests.bench.peers.sink import Endpoint, program


def _missing() -> str:
    if not list(Path("/usr/lib").glob("*/sasl2/libplain.so")):
        return "this needs AUTH PLAIN for Postfix: apt-get install libsasl2-modules"
    return why_none()


MISSING = _missing()


class SmartHost(Postfix):
    def __init__(self, port: int, key: str) -> None:
        super().__init__(Setting(20, reuse=True), Endpoint("127.0.0.1", port, True))
        self._key = key

    def _own(self) -> dict[str, str]:
        return {
            **super()._own(),
            "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"static:harbour:{self._key}",
            "smtp_sasl_security_options": "noanonymous",
        }

    def take(self, count: int, sender: str, to: str, subject: str) -> None:
        who = ("-f", sender, "-t", to, "-S", subject)
        command = (program("smtp-source") or "", "-d", "-s", "5", "-l", "2000", "-m", str(count), *who, self.address)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
