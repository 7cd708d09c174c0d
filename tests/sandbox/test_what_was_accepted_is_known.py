"""The record of accepted mail: ids, TLS, doubled ones, faults of form; and that it outlives a restart."""

import smtplib
import socket
import sqlite3
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mailplatform.sandbox.aside import Aside, running

from .correspondent import Client, deliver, eventually, get, message, post, values


def test_tls_is_made_with_a_certificate_for_the_mx_name(world: Aside) -> None:
    for domain in ("gmail.com", "contoso.com", "yahoo.com", "bakery.example", "shop.exim.test"):
        assert deliver(world, f"anna@{domain}")[0] == 250
    assert all(row["tls"].startswith("TLSv1.3 TLS_") for row in world.accepted())
    assert get(world, "/api/counts")["handshakes"] == 5


def test_every_name_of_a_provider_is_on_its_certificate(world: Aside) -> None:
    client = Client(world, "gmail.com")
    assert isinstance(client.sock, ssl.SSLSocket)
    certificate: Any = client.sock.getpeercert()
    names = {value for kind, value in certificate["subjectAltName"] if kind == "DNS"}
    assert {line.split()[1].rstrip(".") for line in values(world, "gmail.com", "MX")} <= names


@pytest.mark.parametrize("domain", ["wrongname.test", "expired.test", "selfsigned.test"])
def test_a_flawed_certificate_fails_whoever_verifies(world: Aside, domain: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(world, domain)
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    client = Client(world, domain, tls=False)
    client.starttls(context=unverified)
    client.ehlo()
    assert client.deliver(f"anna@{domain}")[0] == 250


def test_broken_tls_fails_the_handshake_and_nothing_is_taken(world: Aside) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, smtplib.SMTPServerDisconnected)):
        Client(world, "badtls.test")


def test_what_came_before_the_handshake_is_not_read_after_it(world: Aside) -> None:
    (address,) = values(world, "mx1.shop.postfix.test", "A")
    with socket.create_connection((address, world.smtp_port), 5, source_address=("127.10.1.1", 0)) as plain:
        reader = plain.makefile("rb")
        reader.readline()
        plain.sendall(b"EHLO mta\r\n")
        while reader.readline()[3:4] == b"-":
            pass
        plain.sendall(b"STARTTLS\r\nMAIL FROM:<evil@a.example>\r\n")
        assert reader.readline().startswith(b"220")
        context = ssl.create_default_context(cafile=str(world.ca_file))
        with context.wrap_socket(plain, server_hostname="mx1.shop.postfix.test") as secure:
            secure.sendall(b"EHLO mta\r\nRCPT TO:<a@shop.postfix.test>\r\n")
            answers = b""
            while b"503" not in answers and b"250 2.1.5" not in answers:
                answers += secure.recv(4096)
            assert b"503" in answers
    assert get(world, "/api/counts")["violations"]["spoke before TLS"] == 1


def test_an_accepted_message_is_found_by_its_ids_at_once(world: Aside) -> None:
    delivery = "0192f3a1-6a44-7c3c-9f00-000000000001"
    assert deliver(world, "anna@gmail.com", message(5, **{"X-Mailplatform-Delivery": delivery}))[0] == 250
    (row,) = get(world, "/api/find?rcpt=anna@gmail.com")["found"]
    assert row["delivery_id"] == delivery
    assert (row["provider"], row["mx_host"], row["source_ip"]) == ("gmail", "gmail-smtp-in.l.google.com", "127.10.1.1")
    assert (row["ehlo"], row["mail_from"], row["subject"]) == ("mta1.platform.example", "sender@brightfield.example", "Hello")
    assert get(world, f"/api/find?id={delivery}")["found"] == get(world, "/api/find?id=5@brightfield.example")["found"] == [row]


def test_a_subject_is_kept_as_people_read_it(world: Aside) -> None:
    subjects = {
        "=?utf-8?b?R3LDtsOfZSAxOTg=?=": "Größe 198",
        "=?utf-8?q?a=C3=A9?=\r\n =?utf-8?q?b?= c": "aéb c",
        "=?no-such?b?AAAA?=": "=?no-such?b?AAAA?=",
        "plain": "plain",
    }
    for subject in subjects:
        deliver(world, "anna@gmail.com", message(1, Subject=subject))
    assert [row["subject"] for row in world.accepted()] == list(subjects.values())


def test_the_same_delivery_again_counts_as_doubled_and_others_do_not(world: Aside) -> None:
    client = Client(world, "gmail.com")
    client.deliver("anna@gmail.com", message(1, **{"X-Mailplatform-Delivery": "one"}))
    client.deliver("bob@gmail.com", message(1, **{"X-Mailplatform-Delivery": "two"}))
    client.deliver("anna@gmail.com", message(1, **{"X-Mailplatform-Delivery": "three"}))
    client.deliver("carl@gmail.com", message(2))
    assert get(world, "/api/counts")["doubled"] == 0
    client.deliver("anna@gmail.com", message(1, **{"X-Mailplatform-Delivery": "one"}))
    client.deliver("carl@gmail.com", message(2))
    counts = get(world, "/api/counts")
    assert (counts["doubled"], counts["accepted"], counts["providers"]["gmail"]["doubled"]) == (2, 6, 2)
    assert [row["copy"] for row in world.accepted()] == [1, 1, 1, 1, 2, 2]


def test_accepted_messages_are_listed_from_any_number_on(world: Aside) -> None:
    client = Client(world, "gmail.com")
    for n in range(7):
        client.deliver(f"u{n}@gmail.com", message(n))
    first = get(world, "/api/accepted?limit=4")
    rest = get(world, f"/api/accepted?since={first['next']}")
    assert [row["rcpt"] for row in first["accepted"] + rest["accepted"]] == [f"u{n}@gmail.com" for n in range(7)]
    assert get(world, f"/api/accepted?since={rest['next']}") == {"accepted": [], "next": rest["next"]}


def test_dots_are_undone_and_bytes_kept(world: Aside) -> None:
    body = message(1).replace(b"A line.", b".\r\n..\r\n.x\r\n" + bytes(range(14, 127)))
    deliver(world, "anna@gmail.com", body)
    with urllib.request.urlopen(world.url + "/message/1/raw") as response:
        assert response.read() == body


def test_faults_of_form_are_held_against_the_sender(world: Aside) -> None:
    (address,) = values(world, "mx1.shop.postfix.test", "A")
    with socket.create_connection((address, world.smtp_port), 5, source_address=("127.10.1.1", 0)) as plain:
        reader = plain.makefile("rb")
        plain.sendall(b"EHLO mta\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@shop.postfix.test>\r\nDATA\r\n")
        while not reader.readline().startswith(b"354"):
            pass
        plain.sendall(b"From: \xc3\xa9@b.example\r\nDate: x\r\nDate: y\r\n\r\nbare\nline\r\n" + b"x" * 999 + b"\r\n.\r\n")
        assert reader.readline().startswith(b"250")
    assert get(world, "/api/counts")["violations"] == {
        "bare line end": 1,
        "line too long": 1,
        "8-bit header without SMTPUTF8": 1,
        "2 date headers": 1,
        "no message-id header": 1,
    }


def test_the_record_and_the_authority_outlive_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "kept") as first:
        deliver(first, "anna@gmail.com", message(1))
        deliver(first, "bob@bakery.postfix.test", message(2))
        ca, address = first.ca_file.read_bytes(), values(first, "mx1.bakery.postfix.test", "A")
    with running(tmp_path / "kept", smtp_port=first.smtp_port) as second:
        assert second.ca_file.read_bytes() == ca
        with socket.create_connection((address[0], second.smtp_port), 5):  # listens before the DNS is asked again
            pass
        deliver(second, "anna@gmail.com", message(1))
        assert [row["copy"] for row in second.accepted()] == [1, 1, 2]
        assert get(second, "/api/counts")["doubled"] == 1


def test_what_is_forgotten_is_not_counted_as_doubled_later(world: Aside) -> None:
    deliver(world, "anna@gmail.com", message(1))
    post(world, {"action": "forget_accepted"})
    eventually(lambda: not world.accepted())
    deliver(world, "anna@gmail.com", message(1))
    assert [(row["n"], row["copy"]) for row in world.accepted()] == [(2, 1)]


def test_the_private_files_are_private(world: Aside) -> None:
    folder = world.ca_file.parent
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "ca-key.pem").stat().st_mode & 0o077 == 0
    assert sqlite3.connect(folder / "accepted.sqlite3").execute("PRAGMA journal_mode").fetchone() == ("wal",)
