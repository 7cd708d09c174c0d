"""Messages that came back, in the forms of many systems; all written for these tests, none copied from a mailbox.

`reports/` and `texts/` hold a form each, into which `CASES` put what a server said; `words.txt` and `feedback.txt` hold whole messages.
"""

import base64
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path

HERE = Path(__file__).parent
RCPT = "anna.keller@recipient.example"
OURS = "b-0193a5f27c1e7b429d1a5e8f2c000100-00112233445566778899@bounces.platform.example"
ORIGINAL = f"""Return-Path: <{OURS}>
From: Harbour Bank <hello@harbourbank.example>
To: <{RCPT}>
Subject: Your receipt
Message-ID: <0193a5f2-7c1e-7b42-9d1a-5e8f2c000000@harbourbank.example>
"""


@dataclass(frozen=True)
class Case:
    """What a server said, and what that is."""

    status: str
    reply: str
    reason: str
    hard: bool


CASES = {
    "unknown": Case("5.1.1", f"550 5.1.1 <{RCPT}>: Recipient address rejected: User unknown", "hard.invalid_mailbox", True),
    "bare": Case("5.0.0", "550 No such user here", "hard.invalid_mailbox", True),
    "disabled": Case("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled", "hard.mailbox_disabled", True),
    "full": Case("5.2.2", "552 5.2.2 Mailbox full, user is over quota", "soft.mailbox_full", False),
    "gave up": Case("4.2.2", "452 4.2.2 The recipient's inbox is out of storage space", "soft.mailbox_full", False),
    "spam": Case("5.7.1", "554 5.7.1 Message rejected as spam by content filter", "content.spam", True),
    "blocked": Case("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "block.dnsbl", False),
    "large": Case("5.3.4", "552 5.3.4 Message size exceeds fixed maximum message size", "content.too_large", True),
    "domain": Case("5.1.2", "550 5.1.2 Host or domain name not found", "hard.invalid_domain", True),
    "loop": Case("5.4.6", "554 5.4.6 Too many hops", "network.loop", False),
    "odd": Case("5.0.0", "599 Alas", "undetermined", False),
}


@dataclass(frozen=True)
class Sample:
    name: str
    raw: bytes
    kind: str
    reason: str = ""
    hard: bool = False
    feedback: str = ""


def samples() -> Iterator[Sample]:
    """All of them."""
    for folder in ("reports", "texts"):
        for file in sorted((HERE / folder).glob("*.eml")):
            for name, case in CASES.items():
                yield Sample(f"{file.stem}: {name}", _raw(_filled(file.read_text(), case)), "bounce", case.reason, case.hard)
    for shape in (_folded, _in_base64, _nested):
        for name, case in CASES.items():
            yield Sample(f"{shape.__name__.strip('_')}: {name}", _raw(shape(case)), "bounce", case.reason, case.hard)
    yield from _blocks("words.txt")
    yield from _blocks("feedback.txt")


def form_names() -> set[str]:
    """How many different forms there are: files, shapes, and blocks by their first word or two."""
    return {sample.name.partition(":")[0] for sample in samples()}


def _filled(text: str, case: Case | None = None) -> str:
    if case is not None:
        code, _, rest = case.reply.partition(" ")
        for name, value in {"REPLY": case.reply, "STATUS": case.status, "CODE": code, "REST": rest}.items():
            text = text.replace("{{" + name + "}}", value)
    return text.replace("{{ORIGINAL}}", ORIGINAL).replace("{{RCPT}}", RCPT).replace("{{OURS}}", OURS)


def _raw(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _postfix(case: Case) -> str:
    return _filled((HERE / "reports" / "postfix.eml").read_text(), case)


def _folded(case: Case) -> str:
    """The diagnostic code over several lines (RFC 3464 §2.1)."""
    first, *rest = case.reply.split(" ")
    return _postfix(case).replace(f"smtp; {case.reply}", "smtp; " + "\n    ".join([f"{first} {rest[0]}", *rest[1:]]))


def _in_base64(case: Case) -> str:
    text = _postfix(case)
    start = text.index("message/delivery-status\n\n") + len("message/delivery-status\n")
    end = text.index("\n--", start)
    coded = "\n".join(textwrap.wrap(base64.b64encode(text[start + 1 : end].encode()).decode(), 76))
    return f"{text[:start]}Content-Transfer-Encoding: base64\n\n{coded}\n{text[end:]}"


def _nested(case: Case) -> str:
    """A report inside of a mixed message, as gateways hand it on."""
    inner = _postfix(case)
    inner = inner[inner.index("Content-Type:") :]
    return f"From: postmaster@relay.example\nSubject: Fwd: undelivered\nContent-Type: multipart/mixed; boundary=outer\n\n--outer\n{inner}\n--outer--\n"


def _blocks(name: str) -> Iterator[Sample]:
    for block in (HERE / name).read_text().split("\n=== ")[1:]:
        title, _, text = block.partition("\n")
        told = [word.strip() for word in title.split("|")]
        text = _filled(text)
        if name == "feedback.txt":
            yield Sample(told[0], _raw(text), told[1], feedback=told[2])
            continue
        charset = told[4] if len(told) > 4 else "utf-8"
        yield Sample(told[0], _worded(text, charset), told[1], told[2], told[3] == "hard")


def _worded(text: str, charset: str) -> bytes:
    """Header words in RFC 2047, the text in its charset, quoted-printable where that is needed."""
    head, _, body = text.partition("\n\n")
    fields = [line.partition(": ") for line in head.split("\n")]
    lines = [f"{name}: {value if value.isascii() else Header(value, 'utf-8', maxlinelen=400).encode()}" for name, _, value in fields]
    lines += ["MIME-Version: 1.0", f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: base64"]
    coded = base64.encodebytes(body.encode(charset)).decode()
    return _raw("\n".join(lines) + "\n\n" + coded)
