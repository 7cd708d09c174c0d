"""Whatever a client does to a listener, it costs a bounded part of it and the others go on."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from delivery.smtpd.limits import Limits
from tests.flow.platform import wait_until
from tests.smtpd.listening import Noting, Raw, secured, serving

OPENING = ["EHLO me", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA"]


def test_a_message_arrives_as_it_was_written(tmp_path: Path) -> None:
    service = Noting()
    with serving(service, tmp_path) as served, Raw(served.port) as client:
        client.asked(OPENING)
        client.say(b"Subject: x\r\n\r\n..a dot\r\n...\r\nend\r\n.\r\nNOOP\r\n")
        assert client.reply() == "250 2.0.0 Kept"
        assert client.reply().startswith("250 2.0.0 ")
        assert [body for _, _, body in service.taken] == [b"Subject: x\r\n\r\n.a dot\r\n..\r\nend\r\n"]


def test_its_end_is_found_however_it_is_cut_up(tmp_path: Path) -> None:
    service = Noting()
    whole = b"A: b\r\n\r\n..\r\n.\r\n"
    with serving(service, tmp_path) as served, Raw(served.port) as client:
        client.ask("EHLO me")
        for cut in range(1, len(whole)):
            client.asked(OPENING[1:])
            client.say(whole[:cut])
            time.sleep(0.002)
            client.say(whole[cut:])
            assert client.reply() == "250 2.0.0 Kept"
    assert {body for _, _, body in service.taken} == {b"A: b\r\n\r\n.\r\n"}


def test_commands_may_come_all_at_once(tmp_path: Path) -> None:
    """RFC 2920; the answers come back in order, in one piece."""
    with serving(Noting(refuse={"no@d.example": "550 5.1.1 No"}), tmp_path) as served, Raw(served.port) as client:
        client.say(b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<no@d.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
        replies = [client.reply()[:3] for _ in range(5)]
        client.say(b"A: b\r\n\r\n.\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n")
        assert [*replies, *(client.reply()[:3] for _ in range(3))] == ["250", "250", "550", "250", "354", "250", "250", "221"]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\r\n.\r\r\n"])
def test_nothing_is_smuggled_behind_a_false_end(tmp_path: Path, end: bytes) -> None:
    """CVE-2023-51764 and its kin: only CR LF . CR LF ends a message, so what follows stays inside of it."""
    service = Noting()
    with serving(service, tmp_path) as served, Raw(served.port) as client:
        client.asked(OPENING)
        client.say(b"A: b\r\n\r\nx" + end + b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<e@d.example>\r\nDATA\r\nB: c\r\n\r\n.\r\n")
        assert client.reply().startswith("250")
        assert client.ask("NOOP").startswith("250")
    assert [mail.sender for _, mail, _ in service.taken] == ["a@b.example"]
    assert b"evil@b.example" in service.taken[0][2]


def test_a_command_ends_with_cr_lf_alone(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path) as served, Raw(served.port) as client:
        assert client.ask(b"EHLO me\nMAIL FROM:<a@b.example>\r\n").startswith("500 5.5.2")
        assert client.ask("EHLO me").startswith("250")


def test_what_came_before_tls_is_not_read_after_it(tmp_path: Path) -> None:
    """CVE-2011-0411: somebody in the middle puts commands behind STARTTLS."""
    service = Noting()
    with serving(service, tmp_path) as served, Raw(served.port) as client:
        client.ask("EHLO me")
        assert client.ask(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n").startswith("554")
        assert client.is_over()


def test_tls_forgets_what_was_said_before(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path) as served, Raw(served.port) as client:
        client.asked(["EHLO me", "MAIL FROM:<a@b.example>"])
        assert client.ask("STARTTLS").startswith("220")
        client.secure()
        assert client.ask("RCPT TO:<c@d.example>").startswith("503")
        assert client.ask("MAIL FROM:<a@b.example>").startswith("503")  # EHLO is forgotten too
        assert "STARTTLS" not in client.ask("EHLO me")


def test_a_line_without_an_end_ends_the_session(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path) as served, Raw(served.port) as client:
        client.say(b"x" * 60_000)
        assert client.reply().startswith("500 5.5.2")
        assert client.is_over()


def test_a_message_beyond_the_limit_is_read_away_and_refused(tmp_path: Path) -> None:
    service = Noting()
    with serving(service, tmp_path, Limits(message_bytes=10_000)) as served, Raw(served.port) as client:
        client.ask("EHLO me")
        assert client.ask("MAIL FROM:<a@b.example> SIZE=10001").startswith("552 5.3.4")
        client.asked(OPENING[1:])
        client.say(b"x" * 500_000 + b"\r\n.\r\n")
        assert client.reply().startswith("552 5.3.4")
        client.asked(OPENING[1:])
        assert client.ask(b"y" * 9_998 + b"\r\n.\r\n").startswith("250")
        assert served.listener.gate.held_bytes == 0
    assert [len(body) for _, _, body in service.taken] == [10_000]


def test_a_message_that_never_ends_ends_the_session(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path, Limits(message_bytes=10_000)) as served, Raw(served.port) as client:
        client.asked(OPENING)
        with pytest.raises((ConnectionError, socket.timeout)):
            for _ in range(2_000):
                client.say(b"x" * 10_000)
        wait_until(lambda: not served.listener.sessions, 5, "the session was over")
        assert served.listener.gate.held_bytes == 0


def test_memory_for_messages_is_bounded_before_they_are_read(tmp_path: Path) -> None:
    service = Noting()
    limits = Limits(message_bytes=100_000, bodies_bytes=150_000)
    with serving(service, tmp_path, limits) as served, Raw(served.port) as slow, Raw(served.port) as other:
        slow.asked(OPENING)
        slow.say(b"x" * 90_000)
        wait_until(lambda: served.listener.gate.held_bytes > 89_000, 5, "it was read")
        other.ask("EHLO me")
        assert other.ask("MAIL FROM:<a@b.example> SIZE=70000").startswith("452 4.3.1")
        other.asked(OPENING[1:])
        other.say(b"y" * 80_000 + b"\r\n.\r\n")
        assert other.reply().startswith("452 4.3.1")
        assert slow.ask(b"\r\n.\r\n").startswith("250")
        other.asked(OPENING[1:])
        assert other.ask(b"y" * 80_000 + b"\r\n.\r\n").startswith("250")
        assert served.listener.gate.held_bytes == 0


def test_an_address_has_so_many_sessions_and_others_have_theirs(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path, Limits(message_bytes=1000, sessions_per_address=3, sessions=5)) as served:
        held = [Raw(served.port) for _ in range(3)]
        assert Raw(served.port, greeted=False).reply().startswith("421 4.7.0")
        others = [Raw(served.port, source=f"127.0.0.{number}") for number in (2, 3)]
        assert Raw(served.port, greeted=False, source="127.0.0.4").reply().startswith("421 4.3.2")
        held[0].ask("QUIT")
        wait_until(lambda: served.listener.gate.sessions.total() == 4, 5, "it had left")
        others.append(Raw(served.port, source="127.0.0.4"))
        for client in (*held, *others):
            client.sock.close()
        wait_until(lambda: not served.listener.gate.sessions, 5, "all had left")


def test_who_drips_is_sent_away(tmp_path: Path) -> None:
    """A byte now and then keeps nobody's session alive: a line, the login and the message have their time."""
    limits = Limits(message_bytes=1000, idle_s=0.5, body_s=0.8, login_s=0.3)
    with serving(Noting(), tmp_path, limits) as served, Raw(served.port) as line, Raw(served.port) as body:
        body.asked(OPENING)
        began = time.monotonic()
        for client in (line, body):
            while time.monotonic() < began + 5:
                try:
                    client.say(b"x")
                except ConnectionError:
                    break
                time.sleep(0.05)
            assert time.monotonic() < began + 5
            assert client.reply().startswith(("421 4.4.2", ""))
    with serving(Noting(wants_login=True), tmp_path, limits) as served, Raw(served.port) as stranger:
        assert stranger.reply().startswith("421 4.4.2")


def test_who_does_not_listen_is_cut_off(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path, Limits(message_bytes=1000, idle_s=0.5, idle_commands=10**9)) as served, Raw(served.port) as deaf:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sock.settimeout(1)
        with pytest.raises((TimeoutError, ConnectionError)):
            for _ in range(10_000):
                deaf.say(b"HELP\r\n" * 1000)
        wait_until(lambda: not served.listener.sessions, 8, "it was cut off")


def test_nonsense_and_idling_end(tmp_path: Path) -> None:
    with serving(Noting(), tmp_path, Limits(message_bytes=1000, bad_commands=5, idle_commands=30)) as served:
        with Raw(served.port) as client:
            replies = [client.ask("NONSENSE") for _ in range(5)]
            assert {reply[:9] for reply in replies} == {"500 5.5.1"}
            client.say("NONSENSE")
            assert [client.reply()[:3], client.reply()[:9]] == ["500", "421 4.7.0"]
            assert client.is_over()
        with Raw(served.port) as client:
            client.say(b"NOOP\r\n" * 40)
            replies = [client.reply()[:3] for _ in range(32)]
            assert replies == ["250"] * 31 + ["421"]


def test_guessing_keys_is_slow_and_ends(tmp_path: Path) -> None:
    wrong, right = "AUTH PLAIN AG1lAHdyb25n", "AUTH PLAIN AG1lAHJpZ2h0"
    with serving(Noting(wants_login=True), tmp_path, Limits(message_bytes=1000, failed_logins=2)) as served:
        with secured(served.port) as client:
            began = time.monotonic()
            assert [reply[:9] for reply in client.asked([wrong, wrong])] == ["535 5.7.8"] * 2
            assert time.monotonic() - began > 0.7
            assert client.ask(right).startswith("421 4.7.0")
            assert client.is_over()
        with secured(served.port) as later, secured(served.port, "127.0.0.9") as other:
            assert later.ask(right).startswith("421 4.7.0")
            assert other.ask(right).startswith("235 2.7.0")


def test_nobody_logs_in_in_the_clear(tmp_path: Path) -> None:
    with serving(Noting(wants_login=True), tmp_path) as served, Raw(served.port) as client:
        assert "AUTH" not in client.ask("EHLO me")
        assert client.ask("AUTH PLAIN AG1lAHJpZ2h0").startswith("538 5.7.11")
        assert client.ask("MAIL FROM:<a@b.example>").startswith("530 5.7.0")


@pytest.mark.parametrize("line", ["AUTH PLAIN", "AUTH PLAIN !!!", "AUTH PLAIN bQ==", "AUTH PLAIN AP8A/w==", "AUTH X", "AUTH", "AUTH LOGIN *"])
def test_a_login_that_is_none_is_an_error_of_the_command(tmp_path: Path, line: str) -> None:
    with serving(Noting(wants_login=True), tmp_path) as served, secured(served.port) as client:
        reply = client.ask(line)
        if reply.startswith("334"):
            reply = client.ask("*")
        assert reply.startswith(("501 5.", "504 5."))
        assert client.asked(["AUTH LOGIN bWU=", "cmlnaHQ="]) == ["334 UGFzc3dvcmQ6", "235 2.7.0 Welcome"]


def test_a_service_that_fails_is_temporary_for_the_mail(tmp_path: Path) -> None:
    async def fails() -> None:
        raise ValueError("ours")

    service = Noting(before_answer=fails)
    with serving(service, tmp_path) as served, Raw(served.port) as client:
        client.asked(OPENING)
        assert client.ask(b"A: b\r\n\r\n.\r\n").startswith("451 4.3.0")
        service.before_answer = None
        client.asked(OPENING[1:])
        assert client.ask(b"A: b\r\n\r\n.\r\n").startswith("250")


def test_a_stop_lets_a_message_finish_and_tells_the_others(tmp_path: Path) -> None:
    async def takes_its_time() -> None:
        await asyncio.sleep(0.5)

    service = Noting(before_answer=takes_its_time)
    with serving(service, tmp_path) as served, Raw(served.port) as idle, Raw(served.port) as busy:
        busy.asked(OPENING)
        busy.say(b"A: b\r\n\r\n.\r\n")
        idle.ask("EHLO me")
        served.tell_to_stop()
        assert idle.reply().startswith("421 4.3.2")
        assert idle.is_over()
        assert [busy.reply()[:3], busy.reply()[:9]] == ["250", "421 4.3.2"]
        served.thread.join(5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), 1)


def test_every_reply_has_an_enhanced_code(tmp_path: Path) -> None:
    commands = ["NOOP", "NOOP x", "RSET", "VRFY x", "EXPN x", "HELP", "MAIL", "MAIL FROM:<a b>", "RCPT TO:<a@b.example>", "DATA", "BDAT 1", "AUTH PLAIN", "X"]
    after = ["MAIL FROM:<a@b.example> X=Y", "MAIL FROM:<ü@b.example>", "MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example>", "RCPT TO:<>", "DATA x", "DATA"]
    with serving(Noting(), tmp_path) as served, Raw(served.port) as client:
        replies = client.asked(commands)
        client.ask("EHLO me")
        replies += client.asked(after)
        replies.append(client.ask("QUIT"))
    assert all(reply[4:].partition(" ")[0].split(".")[0] == reply[0] and reply[4:].partition(" ")[0].count(".") == 2 for reply in replies), replies
