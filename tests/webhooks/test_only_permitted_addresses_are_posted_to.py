"""Server-side request forgery: what a name leads to is judged when it is connected to, and what was judged is what is connected to."""

import dns.message
import dns.rrset
import pytest

from delivery.sort.resolver import Resolver
from mailplatform.shell.addresses import AddressPolicy
from mailplatform.shell.outgoing import NoAnswer, Outgoing, UrlRefused, context_with, where
from tests.resolver.zones import Zones
from tests.webhooks.receiver import Receiver

LIVE = AddressPolicy("live")
INNER = (
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1", "2001:db8::1",
)  # fmt: skip


async def ask(addresses: object, policy: AddressPolicy, url: str) -> int:
    outgoing = Outgoing(addresses, policy, context_with())  # type: ignore[arg-type]
    try:
        return (await outgoing.request("POST", url, {}, b"{}")).status
    finally:
        await outgoing.aclose()


@pytest.mark.parametrize("address", INNER)
async def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    async def leads_there(host: str) -> tuple[str, ...]:
        return (address,)

    with pytest.raises(NoAnswer, match="leads to"):
        await ask(leads_there, LIVE, "https://hooks.example/")


@pytest.mark.parametrize("address", INNER)
def test_nor_is_the_address_itself(address: str) -> None:
    with pytest.raises(UrlRefused):
        where(f"https://[{address}]/" if ":" in address else f"https://{address}/", LIVE)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "https://user@hooks.example/", "https://user:pass@hooks.example/", "https://hooks.example:22/", "https://hooks.example:0/",
        "https://hooks.example:99999/", "https://hooks.example:80/", "file:///etc/passwd", "gopher://hooks.example/", "https://", "https:///x",
        "https://hooks.example\\@10.0.0.1/", "https://hooks.example /", "https://hooks.example/\r\nX: y", "https://2130706433/", "https://127.1/", "https://0x7f.1/",
        "https://hööks.example/", "https://[fe80::1%25eth0]/", "https://hooks.example/#fragment", "https://[::1", "https://" + "a" * 2000 + ".example/",
        "//hooks.example/", "https:hooks.example", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_odd_urls_are_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(UrlRefused):
        where(url, LIVE)


@pytest.mark.parametrize("url", ["https://hooks.example", "https://hooks.example:8443/a?b=c", "https://xn--hks-1qa.example/", "https://1.1.1.1/", "https://HOOKS.example/x%20y"])
def test_ordinary_ones_are_not(url: str) -> None:
    assert where(url, LIVE).scheme == "https"


async def test_an_allowed_network_is_reached_and_only_that_one() -> None:
    async def leads_there(host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    with Receiver() as receiver:
        with pytest.raises(NoAnswer, match=r"no connection|TLS|closed"):  # permitted, and there is no TLS
            await ask(leads_there, AddressPolicy.of("live", ["127.0.0.0/8"]), f"https://hooks.example:{receiver.port}/")
        with pytest.raises(NoAnswer, match="not a public address"):
            await ask(leads_there, AddressPolicy.of("live", ["10.0.0.0/8"]), f"https://hooks.example:{receiver.port}/")
        assert not receiver.heard


async def test_a_permitted_address_among_forbidden_ones_is_the_one_that_is_connected_to() -> None:
    async def leads_to_both(host: str) -> tuple[str, ...]:
        return ("10.0.0.1", "127.0.0.1")

    with Receiver() as receiver:
        assert await ask(leads_to_both, AddressPolicy("sandbox"), f"http://hooks.example:{receiver.port}/") == 204


async def test_a_name_that_changes_its_mind_between_question_and_connection_gains_nothing() -> None:
    """DNS rebinding, with a real DNS server: the first answer is permitted, every later one leads inside. Nobody asks a second time."""
    with Zones() as zones, Receiver() as receiver:
        asked: list[str] = []

        def rebinds(question: dns.message.Message) -> dns.message.Message:
            answer = dns.message.make_response(question)
            kind = question.question[0].rdtype.name
            asked.append(kind)
            if kind == "A":
                address = "127.0.0.1" if asked.count("A") == 1 else "10.0.0.1"
                answer.answer.append(dns.rrset.from_text("rebind.test.", 0, "IN", "A", address))
            return answer

        zones.odd["rebind.test"] = rebinds
        resolver = Resolver(f"127.0.0.1:{zones.port}")
        assert await ask(resolver.addresses, AddressPolicy("sandbox"), f"http://rebind.test:{receiver.port}/") == 204
        assert asked.count("A") == 1

        later = Resolver(f"127.0.0.1:{zones.port}")  # its memory is over
        with pytest.raises(NoAnswer, match=r"leads to 10\.0\.0\.1"):
            await ask(later.addresses, AddressPolicy("sandbox"), f"http://rebind.test:{receiver.port}/")
    assert len(receiver.heard) == 1
