"""Zones of the simulated DNS that take updates (RFC 2136), signed with TSIG (RFC 8945), as an operator's own name server would.

Owns: `updated.json` beside the file that names zone and key, so that a restart keeps what was published. Promises: an update is wholly done or not at all, its
prerequisites are kept to, an answer is signed with the key of its question. Never: takes an unsigned update. Simulated: one server, no serial, no transfers.
"""

import json
import time
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

Sets = dict[tuple[str, str], tuple[int, list[str]]]  # (name, type) -> TTL, values


class Updates:
    """`file` is JSON: {"zone", "key", "secret"}; without it no zone takes updates."""

    def __init__(self, file: Path) -> None:
        self.file, self.kept = file, file.with_name("updated.json")
        self._sets: Sets = self._load()
        self._told: dict[str, str] = {}
        self._read_s = float("-inf")

    def records(self, name: str) -> tuple[dict[str, list[str]], int] | None:
        """What was published under a name, by type, and its TTL; None: the name is in no such zone."""
        zone = self._settings().get("zone")
        if not zone or not (name == zone or name.endswith(f".{zone}")):
            return None
        found = {kind: values for (owner, kind), (_, values) in self._sets.items() if owner == name}
        apex = {"SOA": [f"ns.{zone}. hostmaster.{zone}. 1 60 60 86400 30"], "NS": [f"ns.{zone}."]} if name == zone else {}
        return {**apex, **found}, min((ttl for (owner, _), (ttl, _) in self._sets.items() if owner == name), default=30)

    def answer(self, wire: bytes) -> bytes | None:
        """An update's answer in wire form."""
        settings = self._settings()
        if not settings:
            return None
        key = dns.tsig.Key(dns.name.from_text(settings["key"]), settings["secret"], "hmac-sha256")
        try:
            update = dns.message.from_wire(wire, keyring={key.name: key})
        except (dns.message.UnknownTSIGKey, dns.tsig.BadSignature):
            return _not_ours(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        reply = dns.message.make_response(update)
        if not update.had_tsig or not isinstance(update, dns.update.UpdateMessage):
            reply.set_rcode(dns.rcode.REFUSED)
        elif len(update.zone) != 1 or _plain(update.zone[0].name) != settings["zone"]:
            reply.set_rcode(dns.rcode.NOTAUTH)
        else:
            reply.set_rcode(self._apply(update))
        return reply.to_wire()

    def _apply(self, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        """Prerequisites (§3.2), then all changes at once (§3.4)."""
        expected: dict[tuple[str, str], set[str]] = {}
        for rrset in update.prerequisite:
            place = _plain(rrset.name), dns.rdatatype.to_text(rrset.rdtype)
            if rrset.deleting == dns.rdataclass.NONE and place in self._sets:
                return dns.rcode.YXRRSET
            if rrset.deleting is None:
                expected.setdefault(place, set()).update(rdata.to_text() for rdata in rrset)
            elif rrset.deleting == dns.rdataclass.ANY and place not in self._sets:
                return dns.rcode.NXRRSET
        if any(set(self._sets.get(place, (0, []))[1]) != values for place, values in expected.items()):
            return dns.rcode.NXRRSET
        changed = dict(self._sets)
        for rrset in update.update:
            place = _plain(rrset.name), dns.rdatatype.to_text(rrset.rdtype)
            ttl, values = changed.get(place, (rrset.ttl, []))
            told = [rdata.to_text() for rdata in rrset]
            if rrset.deleting == dns.rdataclass.ANY:
                changed.pop(place, None)
            elif rrset.deleting == dns.rdataclass.NONE:
                changed[place] = ttl, [value for value in values if value not in told]
            else:
                changed[place] = rrset.ttl, sorted({*values, *told})
        self._sets = {place: held for place, held in changed.items() if held[1]}
        self._save()
        return dns.rcode.NOERROR

    def _settings(self) -> dict[str, str]:
        """As the file has them, at most a second old: every question of the simulated world comes by here."""
        if time.monotonic() - self._read_s > 1.0:
            self._read_s = time.monotonic()
            try:
                self._told = dict(json.loads(self.file.read_text()))
            except (OSError, ValueError):
                self._told = {}
        return self._told

    def _load(self) -> Sets:
        try:
            return {(name, kind): (ttl, values) for name, kind, ttl, values in json.loads(self.kept.read_text())}
        except (OSError, ValueError):
            return {}

    def _save(self) -> None:
        beside = self.kept.with_suffix(".new")
        beside.write_text(json.dumps([[name, kind, ttl, values] for (name, kind), (ttl, values) in self._sets.items()]))
        beside.replace(self.kept)


def is_update(wire: bytes) -> bool:
    """By the header's opcode alone: what is signed with a strange key cannot be read."""
    return len(wire) > 12 and (wire[2] >> 3) & 15 == 5


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _not_ours(wire: bytes) -> bytes:
    """NOTAUTH to what is signed with another key: the header alone."""
    flags = 0x8000 | (5 << 11) | int(dns.rcode.NOTAUTH)
    return wire[:2] + flags.to_bytes(2) + bytes(8)
