"""The address policy, as values and at the door."""

import pytest

from delivery.smtp.connect import ConnectFailure, connect
from delivery.smtp.target import Source, Target, TlsMode
from delivery.smtp.wire import Failure, Phase
from mailplatform.shell.addresses import AddressPolicy
from tests.smtp.conftest import CONTEXTS, PATIENT
from tests.smtp.hostile import Peer

LOOPBACK = ["127.0.0.1", "127.20.3.4", "::1"]
INNER = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.0.0.8", "192.88.99.1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
    "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1",
    "2001::1", "2001:db8::1", "100::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "74.125.200.27", "2a00:1450:4010:c0f::1a", "2607:f8b0:4001::1b"]
NONSENSE = ["", "localhost", "peer.test", "127.1", "0x7f000001", "2130706433", "127.0.0.1 ", "127.0.0.1:25", "[::1]", "010.0.0.1"]


def test_the_sandbox_knows_loopback_and_nothing_else() -> None:
    sandbox = AddressPolicy.of("sandbox", ["0.0.0.0/0", "::/0"])
    assert all(sandbox.refusal(address) is None for address in LOOPBACK)
    assert all(sandbox.refusal(address) for address in INNER + PUBLIC + NONSENSE)


def test_live_refuses_all_that_is_not_public() -> None:
    live = AddressPolicy.of("live")
    assert all(live.refusal(address) is None for address in PUBLIC)
    assert [address for address in LOOPBACK + INNER + NONSENSE if not live.refusal(address)] == []


def test_what_an_operator_allows_is_allowed_and_nothing_beside_it() -> None:
    live = AddressPolicy.of("live", ["10.1.0.0/16", "127.0.0.1/32"])
    assert live.refusal("10.1.2.3") is None and live.refusal("127.0.0.1") is None
    assert live.refusal("10.2.0.1") and live.refusal("127.0.0.2") and live.refusal("::ffff:10.1.2.3")


def test_any_other_mode_is_the_sandbox() -> None:
    assert AddressPolicy.of("LIVE").mode == AddressPolicy.of("").mode == "sandbox"


def test_a_forbidden_address_is_refused_before_a_socket_is_opened(run) -> None:
    async def dial(address: str, port: int, policy: AddressPolicy) -> ConnectFailure:
        with pytest.raises(ConnectFailure) as caught:
            await connect(Target("mx.test", address, port, TlsMode.REQUIRED), Source(None, "out.test"), PATIENT, CONTEXTS, policy)
        return caught.value

    with Peer(lambda line: line.stall()) as peer:
        for address, policy in (("8.8.8.8", AddressPolicy("sandbox")), ("127.0.0.1", AddressPolicy("live")), ("mx.test", AddressPolicy("live"))):
            failed = run(dial(address, peer.port, policy))
            assert (failed.phase, failed.failure) == (Phase.CONNECT, Failure.ADDRESS_REFUSED) and address in failed.detail
        assert peer.connections == 0
