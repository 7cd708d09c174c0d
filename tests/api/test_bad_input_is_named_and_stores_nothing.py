"""Every malformed request gets a 4xx problem that names the field or header at fault, and leaves no trace."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from delivery.models import Body, Delivery, IdempotencyKey, Message, Ready, Waiting
from delivery.submit import facts
from mailplatform.shell.clock import now
from mailplatform.tenants import keys
from mailplatform.tenants.models import SendingDomain, Tenant
from tests.api.world import Sender

KB, MB = 1024, 1024 * 1024
LF, CRLF = "\n", "\r\n"


@dataclass(frozen=True)
class Bad:
    """A request and what the answer must name."""

    names: str
    status: int = 422
    body: Any = None  # bytes go as they are
    changed: dict[str, Any] = field(default_factory=dict)
    path: str = "messages"
    extra: dict[str, str] = field(default_factory=dict)
    before: Callable[[Sender], None] | None = None
    content_type: str = "application/json"
    method: str = "POST"


def raw(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def with_key(**changed: Any) -> Callable[[Sender], None]:
    def change(sender: Sender) -> None:
        type(sender.row).objects.filter(pk=sender.row.pk).update(**changed)
        keys.forget_cached()

    return change


def with_tenant(**changed: Any) -> Callable[[Sender], None]:
    def change(sender: Sender) -> None:
        Tenant.objects.filter(pk=sender.tenant.pk).update(**changed)
        facts.forget_cached()

    return change


def unverified(sender: Sender) -> None:
    SendingDomain.objects.filter(tenant=sender.tenant).update(verified_at=None)
    facts.forget_cached()


def message_bytes(**changed: bytes) -> bytes:
    parts = {"from": b'"news@acme.example"', "to": b'"anna@gmail.com"', "text": b'"hi"', "subject": b'"s"', **changed}
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in parts.items()) + b"}"


ONE = {"from": "news@acme.example", "to": "anna@gmail.com", "text": "hi"}
FILE = {"filename": "a.txt", "content": "aGk="}
HEADER = "From: news@acme.example\r\nTo: anna@gmail.com\r\nSubject: s\r\n"

CASES: dict[str, Bad] = {
    # what is no JSON, or holds what cannot be stored
    "no body": Bad("body", 400, b""),
    "not JSON": Bad("body", 400, b"from=a"),
    "cut JSON": Bad("body", 400, b'{"from": "a'),
    "deep JSON": Bad("body", 400, b"[" * 5000),
    "huge number": Bad("body", 400, message_bytes(metadata=b'{"n": 1e999}')),
    "NaN": Bad("body", 400, message_bytes(metadata=b'{"n": NaN}')),
    "broken UTF-8": Bad("subject", 400, message_bytes(subject=b'"caf\xe9"')),
    "overlong UTF-8": Bad("text", 400, message_bytes(text=b'"\xc0\xaf"')),
    "lone surrogate": Bad("subject", 400, message_bytes(subject=b'"\\ud800"')),
    "lone surrogate in a list": Bad("to[1]", 400, message_bytes(to=b'["a@gmail.com", "b\\udfff@gmail.com"]')),
    "lone surrogate in a field's name": Bad("headers", 400, message_bytes(headers=b'{"X-\\udc00": "v"}')),
    "NUL in the subject": Bad("subject", 400, message_bytes(subject=b'"a\\u0000b"')),
    "NUL in the text": Bad("text", 400, message_bytes(text=b'"a\\u0000b"')),
    "NUL in metadata": Bad("metadata.k", 400, message_bytes(metadata=b'{"k": "\\u0000"}')),
    "NUL in a name": Bad("metadata", 400, message_bytes(metadata=b'{"\\u0000": 1}')),
    "raw NUL": Bad("body", 400, message_bytes(subject=b'"a\0b"')),
    # wrong shapes
    "a list": Bad("body", body=[]),
    "a string": Bad("body", body=b'"hello"'),
    "null": Bad("body", body=b"null"),
    "an empty object": Bad("from", body={}),
    "unknown field": Bad("priority", changed={"priority": 1}),
    "misspelt field": Bad("repy_to", changed={"repy_to": "a@b.example"}),
    "from missing": Bad("from", changed={"from": None}),
    "from a number": Bad("from", changed={"from": 7}),
    "from two": Bad("from", changed={"from": ["news@acme.example"]}),
    "to missing": Bad("to", changed={"to": None}),
    "to empty": Bad("to", changed={"to": []}),
    "to empty string": Bad("to", changed={"to": ""}),
    "to an object": Bad("to", changed={"to": {"email": "a@b.example"}}),
    "to nested": Bad("to[0]", changed={"to": [["a@b.example"]]}),
    "to without @": Bad("to[1]", changed={"to": ["a@gmail.com", "nobody"]}),
    "to two in one": Bad("to", changed={"to": "a@gmail.com, b@gmail.com"}),
    "to a list in one string with names": Bad("to", changed={"to": "A <a@gmail.com>, B <b@gmail.com>"}),
    "to without domain": Bad("to", changed={"to": "a@"}),
    "to at an address literal": Bad("to", changed={"to": "a@[127.0.0.1]"}),
    "to at an IP": Bad("to", changed={"to": "a@10.0.0.12"}),
    "to at a bare host": Bad("to", changed={"to": "root@localhost"}),
    "to with two dots": Bad("to", changed={"to": "a..b@gmail.com"}),
    "to a long local part": Bad("to", changed={"to": "a" * 65 + "@gmail.com"}),
    "to a long domain": Bad("to", changed={"to": "a@" + "b" * 64 + ".com"}),
    "to with a space": Bad("to", changed={"to": "a b@gmail.com"}),
    "to with an unclosed quote": Bad("to", changed={"to": '"A <a@gmail.com>'}),
    "1,001 recipients": Bad("to", changed={"to": [f"a{n}@gmail.com" for n in range(1001)]}),
    "1,001 recipients in three fields": Bad("to", changed={name: [f"{name}{n}@gmail.com" for n in range(334)] for name in ("to", "cc", "bcc")}),
    "cc a number": Bad("cc", changed={"cc": 1}),
    "bcc malformed": Bad("bcc[0]", changed={"bcc": ["@gmail.com"]}),
    "reply_to malformed": Bad("reply_to", changed={"reply_to": "nobody"}),
    "subject a number": Bad("subject", changed={"subject": 1}),
    "subject of 10 MB": Bad("subject", changed={"subject": "a" * 10 * MB}),
    "subject of 999": Bad("subject", changed={"subject": "a" * 999}),
    "text a list": Bad("text", changed={"text": ["a"]}),
    "html an object": Bad("html", changed={"html": {}}),
    "no content": Bad("text", changed={"text": None}),
    "empty content": Bad("text", changed={"text": "", "html": ""}),
    "text too large": Bad("text", changed={"text": "a" * 26 * MB}),
    "too large once composed": Bad("body", changed={"text": "ä" * 10 * MB}),
    "stream a number": Bad("stream", changed={"stream": 5}),
    "stream unknown": Bad("stream", changed={"stream": "nothing"}),
    "tags a string": Bad("tags", changed={"tags": "a"}),
    "tags too many": Bad("tags", changed={"tags": [str(n) for n in range(11)]}),
    "tag too long": Bad("tags[1]", changed={"tags": ["a", "b" * 65]}),
    "tag empty": Bad("tags[0]", changed={"tags": [""]}),
    "tag a number": Bad("tags[0]", changed={"tags": [1]}),
    "metadata a list": Bad("metadata", changed={"metadata": []}),
    "engagement in other words": Bad("metadata.engagement", changed={"metadata": {"engagement": "best"}}),
    "engagement above one": Bad("metadata.engagement", changed={"metadata": {"engagement": 7}}),
    "metadata nested": Bad("metadata.a", changed={"metadata": {"a": {}}}),
    "metadata too large": Bad("metadata", changed={"metadata": {"a": "b" * 9 * KB}}),
    "send_at a number": Bad("send_at", changed={"send_at": 1700000000}),
    "send_at without zone": Bad("send_at", changed={"send_at": "2026-01-01T00:00:00"}),
    "send_at no date": Bad("send_at", changed={"send_at": "2026-02-30T00:00:00Z"}),
    "send_at too far": Bad("send_at", changed={"send_at": (now() + timedelta(days=8)).isoformat()}),
    # header injection, in every field that reaches a header
    "CRLF in from": Bad("from", changed={"from": f"A{CRLF}Bcc: x@x.example <news@acme.example>"}),
    "CRLF in from's address": Bad("from", changed={"from": f"news@acme.example{CRLF}Bcc: x@x.example"}),
    "CRLF in to": Bad("to", changed={"to": f"a@gmail.com{CRLF}Bcc: x@x.example"}),
    "CRLF in to's name": Bad("to[0]", changed={"to": [f"A{CRLF}X: y <a@gmail.com>"]}),
    "CRLF in a quoted name": Bad("to", changed={"to": f'"A{CRLF}X: y" <a@gmail.com>'}),
    "CRLF in cc": Bad("cc", changed={"cc": f"a@gmail.com{CRLF}X: y"}),
    "CRLF in bcc": Bad("bcc", changed={"bcc": f"a@gmail.com{CRLF}RCPT TO:<x@x.example>"}),
    "CRLF in reply_to": Bad("reply_to", changed={"reply_to": f"a@gmail.com{CRLF}X: y"}),
    "CRLF in the subject": Bad("subject", changed={"subject": f"a{CRLF}Bcc: x@x.example"}),
    "LF in the subject": Bad("subject", changed={"subject": f"a{LF}Bcc: x@x.example"}),
    "CR in the subject": Bad("subject", changed={"subject": "a\rBcc: x@x.example"}),
    "line separator in the subject": Bad("subject", changed={"subject": "a\u2028b"}),
    "CRLF in a header's value": Bad("headers.X-Foo", changed={"headers": {"X-Foo": f"a{CRLF}Bcc: x@x.example"}}),
    "LF at the end of a header's value": Bad("headers.X-Foo", changed={"headers": {"X-Foo": "a\n"}}),
    "CRLF in a header's name": Bad("headers.'X-Foo\\r\\nBcc'", changed={"headers": {f"X-Foo{CRLF}Bcc": "a"}}),
    "LF at the end of a header's name": Bad("headers.'X-Foo\\n'", changed={"headers": {"X-Foo\n": "a"}}),
    "colon in a header's name": Bad("headers.X:Y", changed={"headers": {"X:Y": "a"}}),
    "space in a header's name": Bad("headers.X Y", changed={"headers": {"X Y": "a"}}),
    "a header's name beyond ASCII": Bad("headers.X-ä", changed={"headers": {"X-ä": "a"}}),
    "a header's value a number": Bad("headers.X-Foo", changed={"headers": {"X-Foo": 1}}),
    "a header's value too long": Bad("headers.X-Foo", changed={"headers": {"X-Foo": "a " * 5000}}),
    "a header's value without a place to fold": Bad("headers.X-Foo", changed={"headers": {"X-Foo": "a" * 999}}),
    "headers a list": Bad("headers", changed={"headers": ["X: y"]}),
    "header From": Bad("headers.From", changed={"headers": {"From": "x@x.example"}}),
    "header bcc": Bad("headers.bcc", changed={"headers": {"bcc": "x@x.example"}}),
    "header Content-Type": Bad("headers.Content-Type", changed={"headers": {"Content-Type": "text/html"}}),
    "header DKIM-Signature": Bad("headers.DKIM-Signature", changed={"headers": {"DKIM-Signature": "v=1"}}),
    "header of ours": Bad("headers.X-Mailplatform-Id", changed={"headers": {"X-Mailplatform-Id": "1"}}),
    "header twice": Bad("headers.x-foo", changed={"headers": {"X-Foo": "1", "x-foo": "2"}}),
    "header Message-ID malformed": Bad("headers.Message-ID", changed={"headers": {"Message-ID": "abc"}}),
    "header List-Unsubscribe beyond ASCII": Bad("headers.List-Unsubscribe", changed={"headers": {"List-Unsubscribe": "<https://ä.example>"}}),
    "CRLF in a file's name": Bad("attachments[0].filename", changed={"attachments": [{**FILE, "filename": f"a{CRLF}X: y"}]}),
    "CRLF in a file's type": Bad("attachments[0].content_type", changed={"attachments": [{**FILE, "content_type": f"a/b{CRLF}X: y"}]}),
    "LF at the end of a file's type": Bad("attachments[0].content_type", changed={"attachments": [{**FILE, "content_type": "a/b\n"}]}),
    "CRLF in a file's content id": Bad("attachments[0].content_id", changed={"attachments": [{**FILE, "content_id": f"a{CRLF}X: y"}]}),
    # files
    "attachments an object": Bad("attachments", changed={"attachments": {}}),
    "an attachment a string": Bad("attachments[0]", changed={"attachments": ["a"]}),
    "invalid base64": Bad("attachments[1].content", changed={"attachments": [FILE, {**FILE, "content": "%%%"}]}),
    "base64 without padding": Bad("attachments[0].content", changed={"attachments": [{**FILE, "content": "aGkx1"}]}),
    "base64 beyond ASCII": Bad("attachments[0].content", changed={"attachments": [{**FILE, "content": "äöü="}]}),
    "content missing": Bad("attachments[0].content", changed={"attachments": [{"filename": "a"}]}),
    "file name missing": Bad("attachments[0].filename", changed={"attachments": [{"content": "aGk="}]}),
    "unknown field of a file": Bad("attachments[0].url", changed={"attachments": [{**FILE, "url": "https://x"}]}),
    "a file that is a message": Bad("attachments[0].content_type", changed={"attachments": [{**FILE, "content_type": "message/rfc822"}]}),
    "101 files": Bad("attachments", changed={"attachments": [FILE] * 101}),
    "files too large": Bad("attachments[2].content", changed={"attachments": [{**FILE, "content": "AAAA" * (3 * MB)}] * 3}),
    # raw messages
    "raw no base64": Bad("raw", body={"raw": "***"}),
    "raw a number": Bad("raw", body={"raw": 1}),
    "raw with a subject beside it": Bad("subject", body={"raw": raw(HEADER + "\r\nhi"), "subject": "s"}),
    "raw with bare LF": Bad("raw", body={"raw": raw(HEADER + "\r\nhi\nBcc")}),
    "raw with bare CR": Bad("raw", body={"raw": raw(HEADER + "\r\nhi\rthere")}),
    "raw with NUL": Bad("raw", body={"raw": raw(HEADER + "\r\nh\0i")}),
    "raw with two From": Bad("raw", body={"raw": raw(HEADER + "From: x@x.example\r\n\r\nhi")}),
    "raw without From": Bad("raw", body={"raw": raw("To: a@gmail.com\r\n\r\nhi")}),
    "raw with two in From": Bad("raw", body={"raw": raw("From: news@acme.example, x@x.example\r\nTo: a@gmail.com\r\n\r\nhi")}),
    "raw with a group in From": Bad("raw", body={"raw": raw("From: x: news@acme.example;\r\nTo: a@gmail.com\r\n\r\nhi"), "to": "a@gmail.com"}),
    "raw from a foreign domain": Bad("raw", body={"raw": raw("From: x@other.example\r\nTo: a@gmail.com\r\n\r\nhi")}),
    "raw and from disagree": Bad("from", body={"raw": raw(HEADER + "\r\nhi"), "from": "x@acme.example"}),
    "raw without recipients": Bad("to", body={"raw": raw("From: news@acme.example\r\n\r\nhi")}),
    "raw with a line that is no field": Bad("raw", body={"raw": raw("From: news@acme.example\r\nnonsense\r\n\r\nhi"), "to": "a@gmail.com"}),
    "raw with a line too long": Bad("raw", body={"raw": raw(HEADER + "\r\n" + "a" * 999 + "\r\n")}),
    "raw empty": Bad("raw", body={"raw": ""}),
    # batches
    "1,001 messages": Bad("messages", body={"messages": [ONE] * 1001}, path="messages/batch"),
    "no messages": Bad("messages", body={"messages": []}, path="messages/batch"),
    "messages an object": Bad("messages", body={"messages": {}}, path="messages/batch"),
    "batch a list": Bad("body", body=[ONE], path="messages/batch"),
    "batch with an unknown field": Bad("mesages", body={"mesages": [ONE]}, path="messages/batch"),
    "one bad message": Bad("messages[2].to[1]", body={"messages": [ONE, ONE, {**ONE, "to": ["a@gmail.com", "b"]}]}, path="messages/batch"),
    "a message that is a number": Bad("messages[1]", body={"messages": [ONE, 5]}, path="messages/batch"),
    "one from a foreign domain": Bad("messages[1].from", body={"messages": [ONE, {**ONE, "from": "a@other.example"}]}, path="messages/batch"),
    "too many recipients in all": Bad("messages", body={"messages": [{**ONE, "to": [f"a{n}@b.example" for n in range(900)]}] * 12}, path="messages/batch"),
    "a lone surrogate in a batch": Bad("messages[0].subject", 400, b'{"messages": [{"subject": "\\ud800"}]}', path="messages/batch"),
    # who sends
    "foreign domain": Bad("from", changed={"from": "news@other.example"}),
    "unverified domain": Bad("from", before=unverified),
    "a subdomain of a verified one": Bad("from", changed={"from": "news@mail.acme.example"}),
    "no key": Bad("Authorization", 401, extra={"HTTP_AUTHORIZATION": ""}),
    "another scheme": Bad("Authorization", 401, extra={"HTTP_AUTHORIZATION": "Basic YTpi"}),
    "unknown key": Bad("Authorization", 401, extra={"HTTP_AUTHORIZATION": "Bearer mp_aaaaaaaa_" + "b" * 43}),
    "a key beyond ASCII": Bad("Authorization", 401, extra={"HTTP_AUTHORIZATION": "Bearer mp_ääääääää"}),
    "expired key": Bad("Authorization", 401, before=with_key(expires_at=now() - timedelta(seconds=1))),
    "revoked key": Bad("Authorization", 401, before=with_key(revoked_at=now() - timedelta(seconds=1))),
    "key of a foreign network": Bad("Authorization", 403, before=with_key(allowed_networks=["192.0.2.0/24", "2001:db8::/32"])),
    "key without scope": Bad("Authorization", 403, before=with_key(scopes=["messages:read"])),
    "suspended tenant": Bad("Authorization", 403, before=with_tenant(state="suspended")),
    "over the daily cap": Bad("Authorization", 429, before=with_tenant(daily_cap=0)),
    # how it is sent
    "a form": Bad("Content-Type", 415, b"a=b", content_type="application/x-www-form-urlencoded"),
    "plain text": Bad("Content-Type", 415, b"{}", content_type="text/plain"),
    "compressed": Bad("Content-Encoding", 415, extra={"HTTP_CONTENT_ENCODING": "gzip"}),
    "too large": Bad("body", 413, b'{"text": "' + b"a" * 65 * MB + b'"}'),
    "wrong Accept": Bad("Accept", 406, extra={"HTTP_ACCEPT": "text/html"}),
    "wrong method": Bad("method", 405, method="PUT"),
    "no such address": Bad("path", 404, path="mesages"),
    "another host": Bad("Host", 400, extra={"HTTP_HOST": "elsewhere.example"}),
    "idempotency key empty": Bad("Idempotency-Key", 400, extra={"HTTP_IDEMPOTENCY_KEY": ""}),
    "idempotency key too long": Bad("Idempotency-Key", 400, extra={"HTTP_IDEMPOTENCY_KEY": "a" * 256}),
    "idempotency key beyond ASCII": Bad("Idempotency-Key", 400, extra={"HTTP_IDEMPOTENCY_KEY": "ä"}),
}


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_it_is_refused_by_name_and_nothing_is_stored(client: Client, acme: Sender, bad: Bad) -> None:
    if bad.before:
        bad.before(acme)
    value = acme.message(**bad.changed) if bad.body is None else bad.body
    if bad.body is None:
        value = {name: item for name, item in value.items() if item is not None}
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    answer = client.generic(bad.method, f"/api/v1/{bad.path}", body, bad.content_type, **{**acme.auth, **bad.extra})
    assert answer.status_code == bad.status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    problem = orjson.loads(answer.content)
    assert problem["status"] == bad.status
    assert all(problem[name] for name in ("type", "title", "detail"))
    assert bad.names in [each["field"] for each in problem["errors"]], problem
    assert len(answer.content) < 100 * KB
    for model in (Message, Body, Delivery, Ready, Waiting, IdempotencyKey):
        assert not model.objects.exists()


def test_a_missing_key_is_challenged(client: Client, acme: Sender) -> None:
    assert client.post("/api/v1/messages")["WWW-Authenticate"].startswith("Bearer")
