"""A small DNS server on loopback, UDP and TCP at one port, made with dnspython: what it answers is up to the test."""

import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Answer = Callable[[dns.message.Message], dns.message.Message | bytes | None]


class Zones:
    """`records[(name, type)]` are lines like "10 mx.peer.test."; names without any are NXDOMAIN; `odd[name]` answers itself."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.odd: dict[str, Answer] = {}
        self.ttl_s = 300
        self.asked: Counter[tuple[str, str, str]] = Counter()

    def __enter__(self) -> "Zones":
        zones = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                answer = zones.answer(data, "udp")
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        class Stream(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                (size,) = struct.unpack("!H", self.request.recv(2))
                answer = zones.answer(self.request.recv(size), "tcp")
                if answer is not None:
                    self.request.sendall(struct.pack("!H", len(answer)) + answer)

        while True:  # one port for both
            self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagram)
            self.port: int = self._udp.server_address[1]
            try:
                self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Stream)
                break
            except OSError:
                self._udp.server_close()
        for server in (self._udp, self._tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, data: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind, transport] += 1
        if name in self.odd:
            odd = self.odd[name](query)
            return odd if odd is None or isinstance(odd, bytes) else odd.to_wire()
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif rows := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(question.name, self.ttl_s, "IN", kind, *rows))
        elif rows := self.records.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text(question.name, self.ttl_s, "IN", "CNAME", *rows))
        wire = response.to_wire(max_size=65535)
        if transport == "udp" and len(wire) > 1232:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()
        return wire


def with_code(code: int) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.Rcode(code))
        return response

    return answer


def silent(_: dns.message.Message) -> None:
    return None


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
