"""Reports: what machines say to machines: delivery status (RFC 3464), feedback (RFC 5965), and the complaints that Outlook.com sends without it.

Promises: total; a report that lacks what the RFC demands is read for what it has: real ones lack much. Pure.
"""

import re

from delivery.returns.finding import Finding, Kind, Told
from delivery.returns.mail import Fields, Mail, groups_of

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_ACTIONS = {
    "failed": Kind.BOUNCE, "failure": Kind.BOUNCE, "fail": Kind.BOUNCE, "delayed": Kind.DELAYED, "deferred": Kind.DELAYED, "delivered": Kind.RELAYED,
    "relayed": Kind.RELAYED, "expanded": Kind.RELAYED,
}  # fmt: skip
# RFC 5965 §3.1 and the registry; opt-out is how an old mail program's unsubscribe button is told.
_COMPLAINTS = ("abuse", "fraud", "opt-out", "opt-out-list", "complaint", "spam", "virus")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_CODE = re.compile(r"\b([245]\d\d)\b")
_MICROSOFT = ("staff@hotmail.com", "staff@outlook.com", "jmrp", "postmaster@hotmail.com")


def delivery_status(mail: Mail) -> Finding | None:
    """A delivery status notification, by its part or by the way it calls itself."""
    parts = mail.texts(*STATUS_TYPES)
    if not parts and mail.report_type == "delivery-status":  # some label the part as plain text
        parts = [text for text in mail.texts("text/plain") if "final-recipient:" in text.lower()]
    groups = [group for text in parts for group in groups_of(text)]
    told = tuple(said for group in groups if (said := _told(group)) is not None)
    if not told:
        return None
    first = next((group for group in groups if "reporting-mta" in group or "original-envelope-id" in group), {})
    kinds = {one.kind for one in told}
    kind = next(kind for kind in (Kind.BOUNCE, Kind.DELAYED, Kind.RELAYED) if kind in kinds)
    reporter = _after_type(_one(first, "reporting-mta") or _one(first, "dsn-gateway"))
    return Finding(kind, "rfc3464", told, reporter or domain_of_sender(mail), "", _one(first, "original-envelope-id"), "", mail.returned)


def feedback(mail: Mail) -> Finding | None:
    """A feedback report. Whom it is about may be blacked out: then the tokens in the returned message say it."""
    parts = mail.texts("message/feedback-report")
    if not parts and mail.report_type != "feedback-report":
        return None
    fields: Fields = {}
    for group in (group for text in parts or mail.texts("text/plain") for group in groups_of(text)):
        fields = {**group, **fields}
    sort = _one(fields, "feedback-type").lower()
    kind = Kind.COMPLAINT if sort in _COMPLAINTS or not sort else Kind.REPORT
    recipient = _address(_one(fields, "original-rcpt-to") or _one(fields, "removal-recipient"))
    reporter = _after_type(_one(fields, "reporting-mta")) or domain_of_sender(mail) or _one(fields, "user-agent")
    said = Told(kind, recipient, "", "", None, f"{sort or 'abuse'}, told by {_one(fields, 'user-agent') or reporter}"[:300])
    envelope = _one(fields, "original-envelope-id")
    return Finding(kind, "rfc5965", (said,), reporter, sort or "abuse", envelope, _address(_one(fields, "original-mail-from")), mail.returned)


def junk_mail_report(mail: Mail) -> Finding | None:
    """Outlook.com's: the message itself, attached, with one added field that names who complained."""
    returned = mail.returned
    from_it = any(word in mail.get("from").lower() for word in _MICROSOFT)
    about_it = mail.get("subject").lower().startswith("complaint about message from")
    if not returned or not ("x-hmxmroriginalrecipient" in returned or (from_it and about_it)):
        return None
    recipient = _address(_one(returned, "x-hmxmroriginalrecipient"))
    return Finding(Kind.COMPLAINT, "jmrp", (Told(Kind.COMPLAINT, recipient, text="junk mail report"),), domain_of_sender(mail), "abuse", returned=returned)


def disposition(mail: Mail) -> Finding | None:
    """Read receipts and their like (RFC 8098): a machine's answer."""
    if mail.report_type != "disposition-notification" and not mail.texts("message/disposition-notification"):
        return None
    fields: Fields = {}
    for group in (group for text in mail.texts("message/disposition-notification") for group in groups_of(text)):
        fields = {**fields, **group}
    said = Told(Kind.AUTO_REPLY, _address(_after_type(_one(fields, "final-recipient"))), text=_one(fields, "disposition")[:300])
    return Finding(Kind.AUTO_REPLY, "rfc8098", (said,), domain_of_sender(mail), returned=mail.returned)


def domain_of_sender(mail: Mail) -> str:
    return _address(mail.get("from")).rpartition("@")[2][:253]


def _told(group: Fields) -> Told | None:
    if "final-recipient" not in group and "original-recipient" not in group and "action" not in group:
        return None
    status = found[0] if (found := _STATUS.search(_one(group, "status"))) else ""
    text = _after_type(_one(group, "diagnostic-code"))
    action = _one(group, "action").lower().split(" ")[0].rstrip(";")
    kind = _ACTIONS.get(action) or (Kind.RELAYED if status.startswith("2") else Kind.DELAYED if status.startswith("4") and not text else Kind.BOUNCE)
    # The diagnostic code's own word is the last server's, and closer to what happened than the status that its reporter made of it.
    code = int(found[1]) if (found := _CODE.match(text)) else None
    final, original = _address(_after_type(_one(group, "final-recipient"))), _address(_after_type(_one(group, "original-recipient")))
    return Told(kind, final, original, status, code, text)


def _one(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "")


def _after_type(value: str) -> str:
    """`rfc822; a@b.example` without its type; some write only the address."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and len(kind) <= 20 and " " not in kind.strip() else value.strip()


def _address(value: str) -> str:
    """The address in a field: `Name <a@b>`, `<a@b>`, `a@b`."""
    inside = value.rpartition("<")[2].partition(">")[0] if "<" in value else value
    inside = inside.strip().strip('"').strip()
    return inside[:320] if "@" in inside and " " not in inside else ""
