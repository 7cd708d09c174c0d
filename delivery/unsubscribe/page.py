"""The page behind an unsubscribe link: served to strangers, without login, cookie or script.

Promises: GET and HEAD change nothing, whoever asks (link scanners do, before people); POST acts at once, again and again with the same answer, and
needs no CSRF token: the signed token in the address is what the mailbox provider's POST has (RFC 8058 §3.2), and there is no session that another
site could misuse. A forged token and a forgotten delivery get the same 404. Never: tells the whole address, sets a cookie, lets an answer be cached.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from delivery.submit.commit import NotCertain, committed, reading
from delivery.unsubscribe import bounds
from delivery.unsubscribe.act import Link, find, take_back, unsubscribe
from mailplatform.shell.audit import record
from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.patience import Patience
from mailplatform.shell.pages import open_to_all
from mailplatform.tenants.access import client_address

MAX_BODY_BYTES = 10_000
UNDO_FOR_S = 15 * 60
_SALT = "unsubscribe-undo"
WHY_OPEN = "a recipient has no account; the signed link is the key"


@csrf_exempt
@open_to_all(WHY_OPEN)
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Look: what the link would do. POST: do it; while the database is switched that waits, for a mailbox provider asks once."""
    if _is_too_long(request):
        return _page(request, "too_long", status=413)
    if request.method == "POST":  # done twice it is done once
        return Patience().done(lambda: _answered(request, token), again=lambda error: is_away(error) or isinstance(error, NotCertain))
    return _answered(request, token)


def _answered(request: HttpRequest, token: str) -> HttpResponse:
    link = _link(request, token)
    if isinstance(link, HttpResponse):
        return link
    if request.method != "POST":
        return _page(request, "ask", token, link)
    if request.POST.get("List-Unsubscribe", "").strip().lower() != "one-click":  # RFC 8058 §3.2; nothing else may count as the wish
        return _page(request, "ask", token, link, status=400)
    everything = request.POST.get("which") == "everything"
    with committed() as cursor:
        done = unsubscribe(cursor, link, everything, "page" if "which" in request.POST else "one-click")
    undo = signing.dumps([str(link.delivery_id), list(done.added)], salt=_SALT) if done.added else ""
    return _page(request, "done", token, link, everything=everything or link.stream_id is None, undo=undo, stopped=done.stopped)


@csrf_exempt
@open_to_all(WHY_OPEN)
@require_http_methods(["POST"])
def undo_page(request: HttpRequest, token: str) -> HttpResponse:
    """Take back what was just done on this page."""
    if _is_too_long(request):
        return _page(request, "too_long", status=413)
    link = _link(request, token)
    if isinstance(link, HttpResponse):
        return link
    try:
        delivery, added = signing.loads(request.POST.get("undo", ""), salt=_SALT, max_age=UNDO_FOR_S)
    except (signing.BadSignature, ValueError, TypeError):
        return _page(request, "late", token, link, status=400)
    if delivery != str(link.delivery_id):
        return _page(request, "late", token, link, status=400)
    with committed() as cursor:
        taken_back = take_back(cursor, link, added)
    if taken_back:
        sentence = f"The recipient of delivery {link.delivery_id} took back unsubscribing from {link.stream or 'the marketing streams'}."
        record("recipient", "unsubscribe undone", f"delivery {link.delivery_id}", sentence, address=client_address(request) or None, tenant_id=link.tenant_id)
    return _page(request, "undone", token, link)


def _link(request: HttpRequest, token: str) -> Link | HttpResponse:
    """What the token stands for, or what to answer in its place."""
    who = client_address(request)
    if bounds.forged.is_over(who) or bounds.links.is_over(token.lower()):
        return _page(request, "too_often", status=429)
    with reading() as cursor:
        link = find(cursor, token)
    if link is None:
        bounds.forged.count(who)
        return _page(request, "unknown", status=404)
    bounds.links.count(token.lower())
    return link


def _is_too_long(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not length.isdigit() or int(length) > MAX_BODY_BYTES


def _page(request: HttpRequest, what: str, token: str = "", link: Link | None = None, status: int = 200, **more: object) -> HttpResponse:
    context = {"what": what, "token": token, "link": link, "sandbox": settings.MAIL_MODE == "sandbox", **more}
    response = render(request, "delivery/unsubscribe.html", context, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"  # the address of this page is a key
    response["X-Robots-Tag"] = "noindex, nofollow"
    if status == 429:
        response["Retry-After"] = "60"
    return response


urlpatterns = [
    path("u/<str:token>", unsubscribe_page, name="unsubscribe"),
    path("u/<str:token>/undo", undo_page, name="unsubscribe_undo"),
]
