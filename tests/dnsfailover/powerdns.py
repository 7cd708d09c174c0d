"""PowerDNS's HTTP API on loopback, as far as a zone's sets go (doc.powerdns.com/authoritative/http-api)."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.dnsfailover.named import ZONE

KEY = "pdns-k3y/with+signs=="


class PowerDns:
    """`with PowerDns() as api:`. `history`: the values of the managed sets after each change; `answers`: what to answer instead, oldest first."""

    def __init__(self, published: Callable[[str, str, list[str], int], None] | None = None) -> None:
        self.sets: dict[tuple[str, str], dict[str, Any]] = {}
        self.history: list[tuple[str, ...]] = []
        self.answers: dict[str, list[int]] = {}  # method → status codes; 0: none at all, until it ends
        self.asked: list[str] = []
        self._published, self._ended = published, threading.Event()

    def __enter__(self) -> Self:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def secret(self) -> str:
        """As an operator enters it."""
        return json.dumps({"auth_token": KEY, "pdns_server": f"http://127.0.0.1:{self.server.server_port}"})

    def holds(self, name: str, kind: str, *values: str, ttl_s: int = 30) -> None:
        self.sets[f"{name}.", kind] = {"name": f"{name}.", "type": kind, "ttl": ttl_s, "records": [{"content": value, "disabled": False} for value in values]}

    def values(self, name: str, kind: str = "A") -> set[str]:
        return {record["content"] for record in self.sets.get((f"{name}.", kind), {"records": []})["records"]}

    def change(self, rrset: dict[str, Any]) -> None:
        name, kind = rrset["name"], rrset["type"]
        records = [] if rrset["changetype"] == "DELETE" else rrset["records"]
        self.sets.pop((name, kind), None)
        if records:
            self.sets[name, kind] = {"name": name, "type": kind, "ttl": rrset["ttl"], "records": records}
        self.history.append(tuple(sorted(record["content"] for record in records)))
        if self._published:
            self._published(name.rstrip("."), kind, [record["content"] for record in records], rrset.get("ttl", 0))

    def hang(self) -> None:
        self._ended.wait(30)


class _Handler(BaseHTTPRequestHandler):
    api: PowerDns

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api.asked.append(f"{self.command} {self.path}")
        if instead := self.api.answers.get(self.command):
            status = instead.pop(0)
            return self.api.hang() if status == 0 else self._send(status, {"error": "told to"}) if status != 200 else self._do(content)
        self._do(content)

    def _do(self, content: bytes) -> None:
        if self.headers.get("X-API-Key") != KEY:
            return self._send(401, {"error": "Unauthorized"})
        if not self.path.startswith(f"/api/v1/servers/localhost/zones/{ZONE}."):
            return self._send(404, {"error": "Could not find domain"})
        if self.command == "PATCH":
            for rrset in json.loads(content)["rrsets"]:
                self.api.change(rrset)
            return self._send(204, None)
        self._send(200, {"name": f"{ZONE}.", "kind": "Native", "rrsets": list(self.api.sets.values())})

    def _send(self, status: int, body: Any) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = do_PUT = _answer

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


