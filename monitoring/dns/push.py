"""Push: send a change to where its DNS zone is kept, and say what became of it. Network, no database.

Promises: an answer that is not signed with our key proves nothing; every refusal becomes a sentence that says what to do. RFC 2136 and RFC 8945.
"""

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
from dns.inet import is_address

from monitoring.dns import hosted
from monitoring.dns.authority import in_words, read_servers
from monitoring.dns.destination import Destination, Outcome, Pushed, Wanted
from monitoring.dns.records import NotAValue
from monitoring.dns.update import BadKey, key_of, update_message

_IN_THE_WAY = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)
_REFUSALS = {
    dns.rcode.REFUSED: "the server refuses the update: let the key change this name there (BIND: update-policy; Knot: an acl with action update)",
    dns.rcode.NOTAUTH: "the server does not keep this zone, or does not know the key: compare zone and key with the server's",
    dns.rcode.NOTZONE: "the name is not in the zone: correct the record set or the DNS zone",
    dns.rcode.NOTIMP: "the server takes no updates (NOTIMP): switch them on there, or push to another one",
    dns.rcode.FORMERR: "the server does not understand the update (FORMERR)",
}


def push(to: Destination, wanted: Wanted, resolver: str = "") -> Pushed:
    return hosted.push(to, wanted) if to.way == "lexicon" else _update(to, wanted, resolver)


def _update(to: Destination, wanted: Wanted, resolver: str) -> Pushed:
    try:
        key = key_of(to.key_name, to.secret, to.key_algorithm) if to.key_name else None
        message = update_message(to.zone, wanted.name, wanted.kind, wanted.ttl_s, wanted.before, wanted.after, key)
        address = to.server if is_address(to.server) else read_servers(to.server, resolver)[0].address
    except (BadKey, NotAValue) as wrong:
        return Pushed(Outcome.REFUSED, str(wrong))
    except (IndexError, OSError, dns.exception.DNSException):
        return Pushed(Outcome.REFUSED, f"the server's name {to.server!r} has no address")
    try:
        reply = dns.query.tcp(message, address, timeout=to.timeout_s, port=to.port)
    except dns.tsig.PeerBadKey:
        return Pushed(Outcome.REFUSED, f"the server does not know the TSIG key {to.key_name} (BADKEY): compare its name and algorithm with the server's")
    except (dns.tsig.PeerBadSignature, dns.tsig.PeerBadTruncation):
        return Pushed(Outcome.REFUSED, f"the TSIG key {to.key_name} has another secret at the server (BADSIG): enter the secret again")
    except dns.tsig.PeerBadTime:
        return Pushed(Outcome.REFUSED, "the clocks of this machine and the server differ by minutes (BADTIME): set them right")
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return Pushed(Outcome.UNKNOWN, f"{to.server} port {to.port}: {in_words(error, to.timeout_s)}")
    return _meaning(reply, signed=key is None or reply.had_tsig)


def _meaning(reply: dns.message.Message, signed: bool) -> Pushed:
    code = reply.rcode()
    if code == dns.rcode.NOERROR:
        return Pushed(Outcome.TAKEN) if signed else Pushed(Outcome.UNKNOWN, "the server's answer is not signed with the key")
    if code in _IN_THE_WAY:
        return Pushed(Outcome.IN_THE_WAY, f"what is published is not what it was ({dns.rcode.to_text(code)})")
    if code in _REFUSALS:
        return Pushed(Outcome.REFUSED, _REFUSALS[code])
    return Pushed(Outcome.UNKNOWN, f"the server answered {dns.rcode.to_text(code)}")


