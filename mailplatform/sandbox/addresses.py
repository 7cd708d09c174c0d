"""Addresses for mail hosts, and the listening sockets behind them.

Owns 127.20.0.0/16 at one port. Big providers have a block each and listen from the start; a small server gets an address and
starts to listen the moment the DNS first names it, so a hundred thousand domains cost nothing until they are asked for. Which
host got which address is written to hosts.json: a resolver's cache outlives a restart of the sandbox.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

from .names import Site, share, site_of_host

_SMALL_BLOCKS = range(16, 256)
_MOST_LISTENERS = 4000  # a file descriptor each; beyond that small servers share addresses


class Addresses:
    """Host name to address and back."""

    def __init__(self, port: int, make_protocol: Callable[[], asyncio.BaseProtocol], memory: Path) -> None:
        self.port = port
        self.make_protocol = make_protocol
        self.memory = memory
        self.by_host: dict[str, str] = {}
        self.by_address: dict[str, tuple[str, Site]] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._starting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take the port, and listen again where the last run listened."""
        if self.port == 0:
            with socket.create_server(("127.20.0.2", 0)) as probe:
                self.port = probe.getsockname()[1]
        remembered = json.loads(self.memory.read_text("utf-8")) if self.memory.exists() else {}
        for host, address in remembered.items():
            if (site := site_of_host(host)) is not None:
                self.by_host[host] = address
                self.by_address.setdefault(address, (host, site))
        for address in list(self.by_address):
            self._listen(address)
        await asyncio.gather(*self._starting)

    def address_of(self, host: str, site: Site) -> str:
        """The address of a mail host, which listens when this returns."""
        if (known := self.by_host.get(host)) is not None:
            return known
        address = self._pick(host, site)
        self.by_host[host] = address
        if address not in self.by_address:
            self.by_address[address] = (host, site)
            self._listen(address)
            self.memory.write_text(json.dumps(self.by_host), "utf-8")
        return address

    def listen_v6(self, host: str, site: Site) -> None:
        """Listen at ::1 for one host, where the machine has IPv6."""
        self.by_address["::1"] = (host, site)
        try:
            self._listen("::1")
        except OSError:
            del self.by_address["::1"]

    def _pick(self, host: str, site: Site) -> str:
        if site.profile.block:
            # A provider's MX hosts each have an address; its customers' names (x.mail.protection.…) share four.
            rows = (site.profile.mx, *site.profile.domain_mx.values(), site.profile.hosted_mx)
            fixed = list(dict.fromkeys(h for row in rows for _, h in row if "{" not in h))
            last = fixed.index(host) + 1 if host in fixed else 101 + int(share(host) * 4)
            return f"127.20.{site.profile.block}.{last}"
        if site.server == "any_domain":
            return "127.20.0.2"
        start = int(share(host) * len(_SMALL_BLOCKS) * 254)
        full = len(self.by_address) >= _MOST_LISTENERS
        for step in range(len(_SMALL_BLOCKS) * 254):
            block, last = divmod((start + step) % (len(_SMALL_BLOCKS) * 254), 254)
            address = f"127.20.{_SMALL_BLOCKS[block]}.{last + 1}"
            if (address in self.by_address) == full:
                return address
        raise RuntimeError("No address is left in 127.20.16.0/20 and above.")

    def _listen(self, address: str) -> None:
        """Bind and listen at once (the kernel queues connections), accept a moment later."""
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((address, self.port))
            listener.listen(512)
        except OSError:
            listener.close()
            raise

        async def accept() -> None:
            loop = asyncio.get_running_loop()
            self._servers[address] = await loop.create_server(self.make_protocol, sock=listener, backlog=512)

        task = asyncio.get_running_loop().create_task(accept())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    def refuse(self, key: str) -> None:
        """Stop listening for a provider: connections are refused until `listen_again`."""
        for address, (_, site) in self.by_address.items():
            if site.key == key and (server := self._servers.pop(address, None)) is not None:
                server.close()

    def listen_again(self, key: str) -> None:
        """The end of `refuse`."""
        for address, (_, site) in self.by_address.items():
            if site.key == key and address not in self._servers:
                self._listen(address)

    async def stop(self) -> None:
        """Close every listener."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        for server in self._servers.values():
            server.close()
        self._servers.clear()
