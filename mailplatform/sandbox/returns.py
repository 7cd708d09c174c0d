"""What providers send back about mail that they had taken: bounces, complaints, answers of machines; each in its provider's own form.

Simulated texts, in the forms that the providers' systems are known for: Gmail's report with a story for people, Exchange's NDR, Yahoo's two
lines, GMX's and Exim's plain words, Postfix's report by the book (RFC 3464), Outlook.com's junk mail report, everybody else's feedback report
(RFC 5965). Pure: the same message, recipient and moment give the same bytes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

KINDS = ("bounce", "full", "block", "delay", "success", "vacation", "challenge", "complaint")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a provider had taken, and who tells."""

    style: str  # the provider's name: gmail, outlook, postfix …
    host: str
    sender: str  # the envelope's
    rcpt: str
    body: bytes
    source_ip: str
    at_s: float

    @property
    def head(self) -> str:
        return self.body.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def boundary(self) -> str:
        return "=_" + hashlib.blake2b(f"{self.rcpt}{self.at_s}".encode(), digest_size=12).hexdigest()

    @property
    def message_id(self) -> str:
        return f"<{self.boundary[2:]}@{self.host}>"


# kind: status, what the last server said, whether it is for good
_SAID = {
    "bounce": ("5.1.1", "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table"),
    "full": ("5.2.2", "552 5.2.2 <{rcpt}>: Mailbox full, user is over quota"),
    "block": ("5.7.1", "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org"),
    "delay": ("4.4.1", "connect to mailstore.{host}[10.0.0.4]: Connection timed out"),
    "success": ("2.0.0", "250 2.0.0 delivered to mailbox"),
}
_ACTIONS = {"delay": "delayed", "success": "delivered"}


def compose(kind: str, taken: Taken) -> bytes:
    """The whole message, with CRLF line ends."""
    if kind == "complaint":
        text = _junk_report(taken) if taken.style in ("outlook", "microsoft365") else _feedback(taken)
    elif kind in ("vacation", "challenge"):
        text = _vacation(taken) if kind == "vacation" else _challenge(taken)
    else:
        text = _STYLES.get(taken.style, _postfix)(kind, taken)
    return text.strip("\n").replace("\n", "\r\n").encode("utf-8", "replace") + b"\r\n"


def _said(kind: str, taken: Taken) -> tuple[str, str]:
    status, words = _SAID[kind]
    return status, words.format(rcpt=taken.rcpt, ip=taken.source_ip, host=taken.host)


def _fields(taken: Taken, sender: str, subject: str, *more: str) -> str:
    lines = [f"Return-Path: <>\nFrom: {sender}\nTo: <{taken.sender}>\nSubject: {subject}\nDate: {formatdate(taken.at_s)}\nMessage-ID: {taken.message_id}"]
    return "\n".join([*lines, "MIME-Version: 1.0", *more])


def _report(taken: Taken, sender: str, subject: str, story: str, kind: str, *, recipient: str = "Final-Recipient: rfc822; {rcpt}", whole: bool = False) -> str:
    """By RFC 3464: words, status, and what is returned."""
    status, said = _said(kind, taken)
    b = taken.boundary
    returned = "message/rfc822" if whole else "text/rfc822-headers"
    content = taken.body.decode("utf-8", "replace").replace("\r\n", "\n") if whole else taken.head + "\n"
    head = _fields(taken, sender, subject, "Auto-Submitted: auto-replied", f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="{b}"')
    until = f"\nWill-Retry-Until: {formatdate(taken.at_s + 86400)}" if kind == "delay" else ""
    return f"""{head}

This is a MIME-encapsulated message.

--{b}
Content-Type: text/plain; charset=utf-8

{story}

--{b}
Content-Type: message/delivery-status

Reporting-MTA: dns; {taken.host}
Arrival-Date: {formatdate(taken.at_s - 2)}

{recipient.format(rcpt=taken.rcpt)}
Action: {_ACTIONS.get(kind, "failed")}
Status: {status}
Remote-MTA: dns; mailstore.{taken.host}
Diagnostic-Code: smtp; {said}{until}

--{b}
Content-Type: {returned}

Return-Path: <{taken.sender}>
{content}
--{b}--
"""


def _postfix(kind: str, taken: Taken) -> str:
    _, said = _said(kind, taken)
    if kind == "delay":
        story = f"""This is the mail system at host {taken.host}.

####################################################################
# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
####################################################################

Your message could not be delivered for more than 4 hour(s).
It will be retried until it is 5 day(s) old.

<{taken.rcpt}>: {said}"""
        return _report(taken, f"MAILER-DAEMON@{taken.host} (Mail Delivery System)", "Delayed Mail (still being retried)", story, kind)
    subject = "Successful Mail Delivery Report" if kind == "success" else "Undelivered Mail Returned to Sender"
    story = f"""This is the mail system at host {taken.host}.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<{taken.rcpt}>: host mailstore.{taken.host}[10.0.0.4] said: {said} (in reply to RCPT TO command)"""
    return _report(taken, f"MAILER-DAEMON@{taken.host} (Mail Delivery System)", subject, story, kind, whole=True)


def _gmail(kind: str, taken: Taken) -> str:
    _, said = _said(kind, taken)
    what = "Delay" if kind == "delay" else "Failure"
    title = {"bounce": "** Address not found **", "full": "** Recipient inbox full **", "block": "** Message blocked **"}.get(kind, "** Delivery incomplete **")
    story = f"""
{title}

Your message wasn't delivered to {taken.rcpt} because of the answer below.

The response from the remote server was:
{said}"""
    if kind == "delay":
        story = f"""
** Delivery incomplete **

There was a temporary problem delivering your message to {taken.rcpt}. Gmail will retry for 22 more hours. You'll be notified if the delivery fails permanently.
"""
    sender = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"
    return _report(taken, sender, f"Delivery Status Notification ({what})", story, kind)


def _exchange(kind: str, taken: Taken) -> str:
    status, said = _said(kind, taken)
    code = {"bounce": "5.1.10", "full": "5.2.2", "block": "5.7.1"}.get(kind, status)
    story = f"""Delivery has failed to these recipients or groups:

{taken.rcpt}<mailto:{taken.rcpt}>
Your message couldn't be delivered. The answer of the recipient's system is below.

Diagnostic information for administrators:

Generating server: {taken.host}

{taken.rcpt}
Remote Server returned '{said.replace(status, code, 1)}'

Original message headers:
"""
    sender = "Microsoft Outlook <postmaster@outlook.com>"
    return _report(taken, sender, "Undeliverable: your message", story, kind, recipient="Original-Recipient: rfc822;{rcpt}\nFinal-Recipient: rfc822;{rcpt}")


def _yahoo(kind: str, taken: Taken) -> str:
    _, said = _said(kind, taken)
    story = f"""Sorry, we were unable to deliver your message to the following address.

<{taken.rcpt}>:
{said.replace(" ", ": ", 1)}

--- Below this line is a copy of the message.
"""
    if kind in ("delay", "success"):
        return _report(taken, "MAILER-DAEMON@yahoo.com", "Delivery status", story, kind)
    head = _fields(taken, "MAILER-DAEMON@yahoo.com", "Failure Notice", "Content-Type: text/plain; charset=utf-8")
    return f"{head}\n\n{story}\nReturn-Path: <{taken.sender}>\n{taken.head}\n\n"


def _exim(kind: str, taken: Taken) -> str:
    _, said = _said(kind, taken)
    if kind in ("delay", "success"):
        story = f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on {taken.host}.

The address to which the message has not yet been delivered is:

  {taken.rcpt}
    Delay reason: {said}

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals."""
        return _report(taken, f"Mail Delivery System <Mailer-Daemon@{taken.host}>", "Warning: message delayed 24 hours", story, kind)
    head = _fields(
        taken, f"Mail Delivery System <Mailer-Daemon@{taken.host}>", "Mail delivery failed: returning message to sender",
        f"X-Failed-Recipients: {taken.rcpt}", "Auto-Submitted: auto-replied", "Content-Type: text/plain; charset=utf-8",
    )  # fmt: skip
    return f"""{head}

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {taken.rcpt}
    host mailstore.{taken.host} [10.0.0.4]
    SMTP error from remote mail server after RCPT TO:<{taken.rcpt}>:
    {said}

------ This is a copy of the message, including all the headers. ------

Return-path: <{taken.sender}>
{taken.head}

"""


_STYLES: dict[str, Callable[[str, Taken], str]] = {
    "gmail": _gmail, "outlook": _exchange, "microsoft365": _exchange, "yahoo": _yahoo, "gmx": _exim, "exim": _exim, "icloud": _postfix,
}  # fmt: skip


def _feedback(taken: Taken) -> str:
    """RFC 5965. Yahoo blacks the complainer out in the returned message and names it in the report."""
    b = taken.boundary
    head = _fields(
        taken, f"<complaints@{taken.host}>", "FW: your message", f'Content-Type: multipart/report; report-type=feedback-report;\n\tboundary="{b}"'
    )
    returned = taken.head.replace(taken.rcpt, "redacted@" + taken.rcpt.rpartition("@")[2]) if taken.style == "yahoo" else taken.head
    return f"""{head}

--{b}
Content-Type: text/plain; charset=utf-8

This is an email abuse report for an email message received from IP {taken.source_ip} on {formatdate(taken.at_s - 60)}.

--{b}
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Sandbox-FBL/1.0
Version: 1
Original-Mail-From: <{taken.sender}>
Original-Rcpt-To: <{taken.rcpt}>
Arrival-Date: {formatdate(taken.at_s - 60)}
Reporting-MTA: dns; {taken.host}
Source-IP: {taken.source_ip}

--{b}
Content-Type: message/rfc822

Return-Path: <{taken.sender}>
{returned}

--{b}--
"""


def _junk_report(taken: Taken) -> str:
    """Outlook.com's: the message, with the complainer in a field of its own, and no report."""
    b = taken.boundary
    head = _fields(taken, "<staff@hotmail.com>", f"complaint about message from {taken.source_ip}", f'Content-Type: multipart/mixed; boundary="{b}"')
    return f"""{head}

--{b}
Content-Type: message/rfc822
Content-Disposition: attachment

X-HmXmrOriginalRecipient: {taken.rcpt}
Return-Path: {taken.sender}
{taken.head}

--{b}--
"""


def _vacation(taken: Taken) -> str:
    head = _fields(
        taken, f"<{taken.rcpt}>", "Automatic reply: your message", "Auto-Submitted: auto-replied", "X-Auto-Response-Suppress: All",
        "Content-Type: text/plain; charset=utf-8",
    ).replace("Return-Path: <>\n", "")  # fmt: skip
    return f"{head}\n\nI am away until Monday and read mail then.\n"


def _challenge(taken: Taken) -> str:
    head = _fields(
        taken, f"<{taken.rcpt}>", "Please confirm that you are a person", "Auto-Submitted: auto-replied", "Content-Type: text/plain; charset=utf-8"
    )
    link = f"https://challenge.{taken.host}/c/{taken.boundary[2:]}"
    return f"{head}\n\nYour message is held until you confirm it. Please click {link} to verify that you sent it.\n"
