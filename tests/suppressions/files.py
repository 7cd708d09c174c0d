"""Files as other platforms write them (made up for these tests), and importing one as a tenant's program does."""

from typing import Any

from django.test import Client

from delivery.models import Suppression
from delivery.suppressions.job import run
from tests.api.world import Sender

# name: (file, format, {address: (reason, part of the detail)})
FILES: dict[str, tuple[bytes, str, dict[str, tuple[str, str]]]] = {
    "SendGrid bounces": (
        b'status,reason,email,created\r\n5.1.1,"550 5.1.1 No such user, sorry",a@gmail.com,1443651141\r\n4.0.0,mailbox full,b@gmail.com,1443651125\r\n',
        "sendgrid_bounces",
        {"a@gmail.com": ("bounce", "5.1.1"), "b@gmail.com": ("bounce", "mailbox full")},
    ),
    "SendGrid invalid emails": (
        b"email,reason,created\na@gmail.com,Mail domain unknown,1449953655\n",
        "sendgrid_invalid",
        {"a@gmail.com": ("bounce", "unknown")},
    ),
    "SendGrid spam reports": (b"email,ip,created\na@gmail.com,192.0.2.5,1443651141\n", "sendgrid_spam_reports", {"a@gmail.com": ("complaint", "192.0.2.5")}),
    "SendGrid unsubscribes": (b"email,created\na@gmail.com,1443651141\n", "sendgrid_unsubscribes", {"a@gmail.com": ("unsubscribe", "")}),
    "SES as JSON": (
        b'{"SuppressedDestinationSummaries": [{"EmailAddress": "a@gmail.com", "Reason": "BOUNCE", "LastUpdateTime": "2020-04-10T21:03:05-07:00"},\n'
        b'{"EmailAddress": "b@gmail.com", "Reason": "COMPLAINT", "LastUpdateTime": 1586577785.123}], "NextToken": "x"}',
        "ses",
        {"a@gmail.com": ("bounce", ""), "b@gmail.com": ("complaint", "")},
    ),
    "SES as JSON lines": (
        b'{"emailAddress": "a@gmail.com", "reason": "BOUNCE"}\n{"emailAddress": "b@gmail.com", "reason": "COMPLAINT"}\n',
        "ses",
        {"a@gmail.com": ("bounce", ""), "b@gmail.com": ("complaint", "")},
    ),
    "SES as CSV": (
        b"Email address,Reason,Last update time\na@gmail.com,BOUNCE,2021-02-03T04:05:06Z\nb@gmail.com,COMPLAINT,\n",
        "ses",
        {"a@gmail.com": ("bounce", ""), "b@gmail.com": ("complaint", "")},
    ),
    "SES bulk file": (b"a@gmail.com,BOUNCE\nb@gmail.com, COMPLAINT\n", "ses_bulk", {"a@gmail.com": ("bounce", ""), "b@gmail.com": ("complaint", "")}),
    "Postmark": (
        b"EmailAddress,SuppressionReason,Origin,CreatedAt\na@gmail.com,HardBounce,Recipient,2019-12-10T08:58:33-05:00\n"
        b"b@gmail.com,SpamComplaint,Recipient,2019-12-11T08:58:33-05:00\nc@gmail.com,ManualSuppression,Recipient,\nd@gmail.com,ManualSuppression,Customer,\n",
        "postmark",
        {"a@gmail.com": ("bounce", ""), "b@gmail.com": ("complaint", ""), "c@gmail.com": ("unsubscribe", ""), "d@gmail.com": ("manual", "Customer")},
    ),
    "Mailgun bounces": (
        b'address,code,error,created_at\na@gmail.com,550,"No such mailbox","Fri, 21 Oct 2011 11:02:55 UTC"\n',
        "mailgun_bounces",
        {"a@gmail.com": ("bounce", "No such mailbox; 550")},
    ),
    "Mailgun unsubscribes": (b"address,tags,created_at\na@gmail.com,*,\n", "mailgun_unsubscribes", {"a@gmail.com": ("unsubscribe", "*")}),
    "Mailgun complaints": (b'address,created_at\na@gmail.com,"Fri, 21 Oct 2011 11:02:55 UTC"\n', "mailgun_complaints", {"a@gmail.com": ("complaint", "")}),
    "a plain list": (b"Name;E-Mail\nAnna;a@gmail.com\nBob;b@gmail.com\n", "plain", {"a@gmail.com": ("manual", ""), "b@gmail.com": ("manual", "")}),
    "addresses alone": (b"a@gmail.com\nb@gmail.com\n", "plain", {"a@gmail.com": ("manual", ""), "b@gmail.com": ("manual", "")}),
}


def post(client: Client, sender: Sender, file: bytes, content_type: str = "text/csv", **params: str) -> Any:
    from django.utils.http import urlencode

    path = "/api/v1/suppressions/imports" + (f"?{urlencode(params)}" if params else "")
    return client.post(path, file, content_type=content_type, **sender.auth)


def imported(client: Client, sender: Sender, file: bytes, **params: str) -> dict[str, Any]:
    """Post it, do the job's work, read what came of it."""
    answer = post(client, sender, file, **params)
    assert answer.status_code == 202, answer.content
    run(answer.json()["id"])
    return dict(sender.get(client, f"suppressions/imports/{answer.json()['id']}").json())


def listed(sender: Sender) -> dict[str, tuple[str, str]]:
    return {row.address: (row.reason, row.detail) for row in Suppression.objects.filter(tenant=sender.tenant)}
