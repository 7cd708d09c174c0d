"""Limits bind at their number, not one before and not one after, and each time they bind is counted."""

import socket
import time

import pytest

from mailplatform.sandbox.aside import Aside
from mailplatform.sandbox.busiest import Busiest
from mailplatform.sandbox.habits import load
from mailplatform.sandbox.reputation import Reputation

from .correspondent import Client, deliver, eventually, first_mx, get, post, values


def violations(world: Aside, provider: str) -> dict[str, int]:
    return get(world, "/api/counts")["providers"][provider]["violations"]


@pytest.mark.parametrize(("provider", "domain", "code"), [("gmail", "gmail.com", 421), ("yahoo", "yahoo.com", 421), ("gmx", "gmx.net", 421)])
def test_the_connection_after_the_last_allowed_one_is_refused(world: Aside, provider: str, domain: str, code: int) -> None:
    world.control({"action": "habits", "provider": provider, "connections_per_ip": 3})
    held = [Client(world, domain, tls=False) for _ in range(3)]
    assert violations(world, provider) == {}
    assert Client(world, domain, tls=False).greeting[0] == code
    assert Client(world, domain, ip="127.10.1.2", tls=False).greeting[0] == 220  # another IP has its own limit
    assert violations(world, provider) == {"connections_per_ip": 1}
    held[0].quit()
    eventually(lambda: get(world, "/api/state")["providers"][provider]["open"].get("127.10.1.1") == 2)
    assert Client(world, domain, tls=False).greeting[0] == 220
    assert violations(world, provider) == {"connections_per_ip": 1}


def test_a_slot_is_free_when_the_client_sees_the_end_of_its_connection(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "connections_per_ip": 1})
    for _ in range(30):
        client = Client(world, "gmail.com", tls=False)
        assert client.greeting[0] == 220
        client.putcmd("quit")
        while client.sock and client.sock.recv(4096):
            pass
        client.close()
    assert violations(world, "gmail") == {}


def test_a_session_ends_after_its_messages(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "messages_per_connection": 4})
    client = Client(world, "gmail.com")
    assert [client.deliver(f"u{n}@gmail.com")[0] for n in range(5)] == [250, 250, 250, 250, 421]
    assert violations(world, "gmail") == {"messages_per_connection": 1}


def test_yahoo_closes_after_its_last_message_without_a_word(world: Aside) -> None:
    client = Client(world, "yahoo.com")
    assert [client.deliver(f"u{n}@yahoo.com")[0] for n in range(20)] == [250] * 20
    assert client.sock is not None
    assert client.sock.recv(100) == b""
    assert violations(world, "yahoo") == {}


def test_rates_bind_in_a_rolling_minute(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "messages_per_minute": 5})
    client = Client(world, "gmail.com")
    codes = [client.deliver(f"u{n}@gmail.com")[0] for n in range(6)]
    assert codes == [250] * 5 + [421]
    assert "unusual rate" in deliver(world, "u9@gmail.com")[1]
    assert deliver(world, "u9@gmail.com", ip="127.10.1.2")[0] == 250
    assert violations(world, "gmail") == {"rate": 2}


def test_lifted_limits_bind_nobody(world: Aside) -> None:
    world.control({"action": "habits", "provider": "*", "messages_per_minute": 1, "connections_per_ip": 1})
    world.control({"action": "no_limits"})
    clients = [Client(world, "yahoo.com", tls=False) for _ in range(3)]
    assert [clients[0].deliver(f"u{n}@yahoo.com")[0] for n in range(25)] == [250] * 25
    assert violations(world, "yahoo") == {}


def test_a_quiet_session_is_ended_and_a_busy_one_is_not(world: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailplatform.sandbox.session._IDLE_S", 1.4)
    quiet, busy = Client(world, "gmail.com", tls=False), Client(world, "gmail.com", tls=False)
    end = time.monotonic() + 2.2
    while time.monotonic() < end:
        assert busy.noop()[0] == 250
        time.sleep(0.1)
    assert quiet.getreply()[0] == 451
    assert busy.deliver("anna@gmail.com")[0] == 250


def test_latency_comes_before_every_answer(world: Aside) -> None:
    post(world, {"action": "latency", "provider": "gmail", "ms": 100})
    start = time.monotonic()
    client = Client(world, "gmail.com", tls=False)  # banner, EHLO
    assert client.deliver("anna@gmail.com")[0] == 250  # MAIL, RCPT, DATA, dot
    assert time.monotonic() - start >= 0.6


def test_a_recipient_too_many_is_refused_alone(world: Aside) -> None:
    client = Client(world, "5-recipient.test")
    client.mail("a@brightfield.example")
    assert [client.rcpt(f"u{n}@5-recipient.test")[0] for n in range(6)] == [250] * 5 + [452]
    assert client.data(b"From: a@b.example\r\n\r\nx\r\n")[0] == 250
    assert len(world.accepted()) == 5


def test_an_ip_that_is_broken_at_one_provider_passes_at_the_others_until_healed(world: Aside) -> None:
    assert post(world, {"action": "break", "ip": "127.10.1.1", "provider": "gmail"})[0] == 200
    code, text = deliver(world, "anna@gmail.com")
    assert (code, "127.10.1.1" in text, "very low reputation" in text) == (550, True, True)
    assert deliver(world, "anna@gmail.com", ip="127.10.1.2")[0] == 250
    assert deliver(world, "anna@yahoo.com")[0] == 250
    post(world, {"action": "heal", "ip": "127.10.1.1", "provider": "gmail"})
    assert deliver(world, "anna@gmail.com")[0] == 250


def test_an_ip_that_is_broken_everywhere_is_broken_at_servers_not_yet_met(world: Aside) -> None:
    post(world, {"action": "break", "ip": "127.10.1.1", "mode": "defer"})
    assert deliver(world, "anna@new.postfix.test")[0] == 451
    post(world, {"action": "heal", "ip": "127.10.1.1"})
    assert deliver(world, "anna@new.postfix.test")[0] == 250


def test_a_low_reputation_defers_and_a_worse_one_blocks(world: Aside) -> None:
    post(world, {"action": "reputation", "ip": "127.10.1.1", "provider": "outlook", "level": 0.1})
    code, text = deliver(world, "anna@outlook.com")
    assert (code, "S3150" in text) == (550, True)
    post(world, {"action": "reputation", "ip": "127.10.1.1", "provider": "outlook", "level": 0.35})
    codes = [deliver(world, "anna@outlook.com")[0] for _ in range(10)]
    assert set(codes) == {250, 451}  # half way between the thresholds about every other one
    assert 4 <= codes.count(451) <= 6


def test_a_listed_ip_is_refused_by_those_who_ask_the_list(world: Aside) -> None:
    post(world, {"action": "dnsbl_add", "ip": "127.10.1.1"})
    code, text = deliver(world, "anna@shop.postfix.test")
    assert (code, "zen.spamhaus.org" in text) == (554, True)
    assert Client(world, "gmx.net").greeting[0] == 554


@pytest.mark.parametrize("mode", ["refused", "busy", "reset"])
def test_an_outage_begins_and_ends(world: Aside, mode: str) -> None:
    open_before = Client(world, "gmail.com")
    post(world, {"action": "outage", "provider": "gmail", "mode": mode})
    if mode == "busy":
        assert Client(world, "gmail.com").greeting[0] == 421
    else:
        with pytest.raises((ConnectionError, OSError)):
            Client(world, "gmail.com")
    with pytest.raises((ConnectionError, OSError)):
        open_before.deliver("anna@gmail.com")
    assert deliver(world, "anna@yahoo.com")[0] == 250
    post(world, {"action": "outage", "provider": "gmail", "on": False})
    assert deliver(world, "anna@gmail.com")[0] == 250


def test_reputation_falls_with_bad_signs_and_recovers_slowly() -> None:
    habits = load("gmail").habits
    ip = Reputation(habits.reputation_start, 0.0)
    for second in range(200):
        ip.pass_time(habits, float(second))
        ip.saw_message(habits)
    good = ip.level
    assert good >= habits.reputation_start
    for second in range(200, 400):
        ip.pass_time(habits, float(second))
        ip.saw_unknown()
    assert ip.level < habits.block_below
    ip.pass_time(habits, 400 + 600)
    assert ip.level < habits.defer_below
    ip.pass_time(habits, 400 + 7200)
    assert ip.level > habits.defer_below


def test_a_burst_costs_reputation_and_a_steady_rate_does_not() -> None:
    habits = load("gmail").habits
    levels = {}
    for per_s in (100, 2000):
        ip = Reputation(habits.reputation_start, 0.0)
        for n in range(per_s * 30):
            ip.pass_time(habits, n / per_s)
            ip.saw_message(habits)
        levels[per_s] = ip.level
    assert levels[100] >= habits.reputation_start
    assert levels[2000] < habits.block_below


def test_an_order_that_cannot_be_is_refused_with_what_can(world: Aside) -> None:
    for order, says in (
        ({"action": "explode"}, "there are break,"),
        ({"action": "break"}, "ip"),
        ({"action": "break", "ip": "127.10.1.1", "provider": "gmial"}, "gmail"),
        ({"action": "break", "ip": "127.10.1.1", "mode": "bite"}, "block"),
        ({"action": "habits", "provider": "gmail", "connections": 3}, "connections_per_ip"),
        ({"action": "habits", "provider": "gmail", "connections_per_ip": "3"}, "int"),
        ([1], "object"),
    ):
        status, answer = post(world, order)
        assert status == 400
        assert says in answer["error"]


def test_only_json_from_this_machine_steers(world: Aside) -> None:
    order = {"action": "dns", "mode": "dead"}
    assert post(world, order, content_type="text/plain")[0] == 415
    assert post(world, order, Host="evil.example")[0] == 421
    assert get(world, "/api/state")["dns"] == "ok"


def test_a_connection_cut_while_it_shakes_hands_gives_its_slot_back(world: Aside) -> None:
    (address,) = values(world, first_mx(world, "gmail.com"), "A")
    with socket.create_connection((address, world.smtp_port), 5, source_address=("127.10.1.1", 0)) as plain:
        reader = plain.makefile("rb")
        reader.readline()
        plain.sendall(b"EHLO mta\r\n")
        while reader.readline()[3:4] == b"-":
            pass
        plain.sendall(b"STARTTLS\r\n")
        assert reader.readline().startswith(b"220")
        plain.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # half a ClientHello
        time.sleep(0.1)
        post(world, {"action": "outage", "provider": "gmail", "mode": "busy"})
    eventually(lambda: get(world, "/api/state")["providers"]["gmail"]["open"] == {})
    counts = get(world, "/api/counts")
    assert (counts.get("handshakes", 0), counts["handshakes failed"]) == (0, 1)


def test_the_busiest_window_of_each_source_is_known_wherever_it_begins() -> None:
    busiest = Busiest()
    busiest.count("a", 0.0)
    assert busiest.told() == {}, "nobody watches"
    busiest.watch([20, 120])
    for at_s in (1, 2, 19, 21.5, 22, 100, 119, 121.5):
        busiest.count("a", at_s)
    busiest.count("b", 5)
    assert busiest.told() == {"a": {"all": 8, "20": 3, "120": 7}, "b": {"all": 1, "20": 1, "120": 1}}
