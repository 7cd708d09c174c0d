"""Texts: bounces that only a person was meant to read, by the words with which each kind of server begins them.

A format is an opening (and, where it needs one, what is behind it), and the mark under which the returned message begins. What stands between is
searched for the recipient, the SMTP reply, else the reason in words (`phrases`). Openings are compared in lower case. Pure, total; every pattern
is linear. New formats are rows of FORMS.
"""

import re

from delivery.returns.finding import Finding, Kind, Told
from delivery.returns.mail import Fields, Mail, read_fields
from delivery.returns.openings import DELAYS, FORMS, RETURNED
from delivery.returns.reports import domain_of_sender
from delivery.sign.returnpath import looks_like_one

_ADDRESS = re.compile(r"[^\s<>\"'(),:;=\[\]@*|{}“”„«»「」：，。、（）]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z0-9-]{2,63}")
_REPLY = re.compile(r"(?<![\d.])([245]\d\d)[ \-#:;,)]{1,3}([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_BEFORE = r"said|say|says|reports?|reply|replied|response|returned|error|code|reason|answer|was|because|with|diagnostic|smtp|meldung|antwort|fehler"
_BARE = re.compile(rf"(?:^[ \t>]*|(?:\b(?:{_BEFORE})\b[^\d\n]{{0,40}})|[\[(<#:;=\"'：]\s?)([45]\d\d)(?=[ \-:;\])\"'>)#]|$)", re.I | re.M)
_ALONE = re.compile(r"(?<![\d.])#?([45]\.\d{1,2}\.\d{1,3})(?![\d.])")
MOST_WORDS = 1_200
_PUNCTUATION = " \t\n\r>:)]}'\",.;-"
_SUBJECTS = ("undeliver", "delivery status", "failure notice", "returned mail", "delivery fail", "not delivered")


def text_bounce(mail: Mail, own_domain: str = "") -> Finding | None:
    """A bounce in words: by a known opening, or by everything that says that a machine could not deliver."""
    text, returned = _without_returned(mail)
    lower = text.lower()
    form, start = next(((name, place) for name, opening in FORMS if (place := lower.find(opening)) >= 0), ("", -1))
    failed_to = mail.get("x-failed-recipients")
    if not form:
        if not (failed_to or (_is_machine(mail) and (_REPLY.search(text) or (is_daemon(mail) and _BARE.search(text))))):
            return None
        form, start = "by its sender", 0
    kind = Kind.DELAYED if any(word in lower for word in DELAYS) else Kind.BOUNCE
    recipient, after = _recipient(text, start, failed_to, own_domain)
    said = _words(text, start, after)
    code, status, words = _reply(said, text[start:])
    told = Told(kind, recipient, "", status, code, words)
    return Finding(kind, form, (told,), domain_of_sender(mail), returned=mail.returned or returned)


def is_daemon(mail: Mail) -> bool:
    """From who answers for a mail system."""
    sender = mail.get("from").lower()
    names = ("mailer-daemon", "mailer_daemon", "mailerdaemon", "postmaster", "mail delivery", "mdaemon", "mail administrator", "microsoftexchange", "mailadmin")
    return any(name in sender for name in names)


def _is_machine(mail: Mail) -> bool:
    subject = mail.get("subject").lower()
    return is_daemon(mail) or any(word in subject for word in _SUBJECTS)


def _without_returned(mail: Mail) -> tuple[str, Fields]:
    """What the machine says, and the header of what it sends back below it."""
    text = mail.words.replace("İ", "I")  # in lower case it would be two characters, and places in the text would shift
    lower = text.lower()
    places = sorted((place, len(mark)) for mark in RETURNED if (place := lower.find(mark)) >= 0)
    if not places:
        return text, {}
    place, length = places[0]
    rest = text[place + length :]
    rest = rest[rest.find("\n") + 1 :].lstrip("\n") if "\n" in rest else ""
    return text[:place], read_fields(rest.partition("\n\n")[0][:20_000].encode("utf-8", "replace"))


def _recipient(text: str, start: int, failed_to: str, own_domain: str) -> tuple[str, int]:
    """The address that it is about, and where its words end."""
    own = own_domain.lower() or "\0"
    first = failed_to.partition(",")[0].strip().strip("<>")
    if first and (place := text.lower().find(first.lower(), start)) >= 0:
        return first, place + len(first)
    machines = ("mailer-daemon@", "postmaster@", "double-bounce@")
    for begin in (start, 0):
        for found in _ADDRESS.finditer(text, begin):
            address = found[0].strip(".")
            if not address.lower().endswith("@" + own) and not address.lower().startswith(machines) and not looks_like_one(address):
                return first or address, found.end()
    return first, start


def _words(text: str, start: int, after: int) -> str:
    """Behind the recipient where there is something to read, else from the opening on."""
    behind = text[after : after + 2 * MOST_WORDS].lstrip(_PUNCTUATION)
    return behind if len(behind.split()) >= 2 else text[start : start + 2 * MOST_WORDS]


def _reply(said: str, everything: str) -> tuple[int | None, str, str]:
    """Code, status, words: the SMTP reply where one is quoted."""
    for place in (said, everything):
        both = next((found for found in _REPLY.finditer(place) if found[1][0] == found[2][0] and found[1][0] != "2"), None)
        if both:
            return int(both[1]), both[2], _line(place[both.start() :])
        alone, bare = _ALONE.search(place), _BARE.search(place)
        if bare:
            same = alone[1] if alone and alone[1][0] == bare[1][0] else ""
            return int(bare[1]), same, _line(place[bare.start(1) :])
        if alone:
            return None, alone[1], _line(place)
    return None, "", _line(said if len(said.split()) >= 3 else everything)


def _line(text: str) -> str:
    return " ".join(text[: 2 * MOST_WORDS].split())[:MOST_WORDS]
