"""Read: what a returned message is; the first format that recognises it says so.

Promises: total and bounded, whatever comes (`mail`). A report for machines goes before words for people, a bounce before an auto-reply, for bounces
carry an auto-reply's fields. What nobody recognises is UNKNOWN, and never a guess: an unknown message changes nothing.
"""

from collections.abc import Callable

from delivery.returns.finding import Finding, Kind, Told
from delivery.returns.mail import Mail, read_mail
from delivery.returns.replies import auto_reply, challenge
from delivery.returns.reports import delivery_status, disposition, domain_of_sender, feedback, junk_mail_report
from delivery.returns.texts import text_bounce

FORMATS: tuple[Callable[[Mail], Finding | None], ...] = (feedback, delivery_status, junk_mail_report, disposition)
REPLIES: tuple[Callable[[Mail], Finding | None], ...] = (challenge, auto_reply)


def read(raw: bytes, own_domain: str = "") -> Finding:
    """`own_domain` is the return paths': an address there is never the recipient that a bounce is about."""
    mail = read_mail(raw)
    known = next((found for recognise in FORMATS if (found := recognise(mail))), None)
    known = known or text_bounce(mail, own_domain)
    known = known or next((found for recognise in REPLIES if (found := recognise(mail))), None)
    if known is not None:
        return known
    said = Told(Kind.UNKNOWN, text=mail.get("subject")[:300] or mail.words[:300])
    return Finding(Kind.UNKNOWN, "", (said,), domain_of_sender(mail), returned=mail.returned)
