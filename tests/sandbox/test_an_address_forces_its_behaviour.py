"""Every command address, at providers whose words differ; smtplib is the client."""

import smtplib
import time

import pytest

from mailplatform.sandbox.aside import Aside

from .correspondent import Client, deliver, eventually, get, message

PLACES = ("gmail.com", "outlook.com", "contoso.com", "yahoo.com", "icloud.com", "gmx.net", "shop.postfix.test", "shop.exim.test")


@pytest.mark.parametrize("domain", PLACES)
def test_refusals_have_the_right_class_and_the_providers_words(world: Aside, domain: str) -> None:
    """One connection a recipient, since some replies close it."""
    replies = {name: deliver(world, f"{name}+7@{domain}") for name in ("bounce", "unknown", "disabled", "full", "overquota", "defer", "block", "spam", "anna")}
    codes = {name: code for name, (code, _) in replies.items()}
    assert codes["anna"] == 250
    assert codes["full"] == 452
    assert codes["defer"] == 451
    assert codes["overquota"] == 552
    assert {codes[name] // 10 for name in ("bounce", "unknown", "disabled", "block", "spam")} == {55}
    assert "127.10.1.1" in replies["block"][1]
    assert [row["rcpt"] for row in world.accepted()] == [f"anna+7@{domain}"]


def test_words_are_the_real_ones(world: Aside) -> None:
    assert "p=NoSuchUser" in deliver(world, "bounce@gmail.com")[1]
    assert deliver(world, "bounce@gmail.com")[1].endswith("- gsmtp")
    assert "S3150" in deliver(world, "block@outlook.com")[1]
    assert "[TSS09]" in deliver(world, "block@yahoo.com")[1]
    assert "[HCM1]" not in deliver(world, "block@icloud.com")[1]
    assert "This user doesn't have a yahoo.com account" in deliver(world, "nouser@yahoo.com")[1]
    assert "5.4.1 Recipient address rejected: Access denied" in deliver(world, "bounce@contoso.com")[1]


def test_greylisting_takes_the_same_triplet_after_a_while(world: Aside) -> None:
    world.control({"action": "habits", "provider": "*", "greylist_address_s": 0.3})
    start = time.monotonic()
    assert deliver(world, "greylist@shop.postfix.test")[0] == 451
    assert deliver(world, "greylist@shop.postfix.test")[0] == 451  # too early
    eventually(lambda: deliver(world, "greylist@shop.postfix.test")[0] == 250)
    assert time.monotonic() - start >= 0.3
    assert deliver(world, "greylist@shop.postfix.test", ip="127.10.1.2")[0] == 451  # another IP is another triplet


def test_a_numbered_defer_ends_after_its_number(world: Aside) -> None:
    assert [deliver(world, "defer-3@gmail.com")[0] for _ in range(4)] == [451, 451, 451, 250]


def test_a_slow_mailbox_answers_late(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "slow_s": 0.4})
    start = time.monotonic()
    assert deliver(world, "slow@gmail.com")[0] == 250
    assert 0.4 <= time.monotonic() - start < 15


def test_a_slow_mailbox_keeps_nothing_when_the_sender_gives_up(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "slow_s": 0.4})
    client = Client(world, "gmail.com", timeout=0.2)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.deliver("slow@gmail.com")
    client.close()
    eventually(lambda: not get(world, "/api/state")["providers"]["gmail"]["open"])
    time.sleep(0.5)
    assert world.accepted() == []


def test_drop_cuts_without_accepting_and_dropkeep_accepts_without_answering(world: Aside) -> None:
    for name in ("drop", "dropkeep"):
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            deliver(world, f"{name}@yahoo.com")
    assert [row["rcpt"] for row in world.accepted()] == ["dropkeep@yahoo.com"]


def test_hang_never_answers(world: Aside) -> None:
    client = Client(world, "gmail.com", timeout=0.5)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.deliver("hang@gmail.com")
    client.close()
    assert world.accepted() == []


def test_a_complaint_follows_the_message(world: Aside) -> None:
    world.control({"action": "habits", "provider": "gmail", "complaint_after_s": 0.1})
    assert deliver(world, "complaint@gmail.com", message(9))[0] == 250
    (complaint,) = eventually(lambda: get(world, "/api/complaints")["complaints"])
    assert complaint["message_id"] == "<9@brightfield.example>"
    assert get(world, "/api/counts")["providers"]["gmail"]["complaints"] == 1


def test_names_under_test_force_how_a_server_is(world: Aside) -> None:
    assert not Client(world, "notls.test", tls=False).has_extn("starttls")
    assert not Client(world, "nopipelining.test").has_extn("pipelining")
    assert not Client(world, "ascii.test").has_extn("8bitmime")
    assert deliver(world, "a@tlsonly.test", tls=False)[0] == 530
    assert deliver(world, "a@smallsize.test", message() + b"x" * 30_000)[0] == 552
    assert Client(world, "busy.test").greeting[0] == 421
    assert deliver(world, "a@greylisting.test")[0] == 451
    with pytest.raises(ConnectionRefusedError):
        Client(world, "dead.test")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        Client(world, "blackhole.test", timeout=0.3)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        Client(world, "reset.test")


def test_a_server_takes_no_mail_for_somebody_elses_domain(world: Aside) -> None:
    client = Client(world, "gmail.com")
    code, text = client.deliver("anna@outlook.com")
    assert (code, "elaying denied" in text) == (550, True)
    assert get(world, "/api/counts")["violations"] == {"wrong server for the domain": 1}
    anywhere = Client(world, "anydomain.test")
    assert anywhere.deliver("anna@outlook.com")[0] == 250
