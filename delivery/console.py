"""Console pages of mail: search, one message, what is inside it, the queues. A view loads, asks, renders; the words are in `story`, the SQL in
`search`, `figures` and `delivery.queue`. Everything is read through the person's scope: a tenant user sees their own tenant's mail.
"""

from ipaddress import ip_address
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode

from delivery import story as stories
from delivery.content import content_of
from delivery.figures import held_count, queue_figures
from delivery.lanes import lanes_now
from delivery.models import CampaignBlock, DeliveryState, Event
from delivery.queue.blocks import release
from delivery.queue.cancel import cancel
from delivery.queue.happened import Happened, Kind, tell
from delivery.queue.promote import PUT_BACK
from delivery.search import Answer, Found, Question, id_in, search
from mailplatform.shell import formats
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.ids import time_ordered_id
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register, register_search
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission, may
from mailplatform.shell.policy import as_mail_body
from mailplatform.shell.tables import Cursor, newest_first
from mailplatform.tenants.models import Tenant
from mailplatform.tenants.scope import scope_of
from pools.models import DomainProvider, SendingIP

LONGEST_QUESTION = 320  # an address is 254 characters at most (RFC 5321 §4.5.3.1)
FRAME_FOR_S = 600
RELEASES = {  # what a person may let go, by what it waits for: the button, the word in the timeline, the sentence
    "hold": ("Release", "released", "It goes into the queue at once."),
    "schedule": ("Send now", "released", "It goes into the queue at once, earlier than the tenant asked."),
    "retry": ("Try now", "retried", "It is tried at once; the attempts so far stay counted."),
    "quota": ("Try now", "retried", "It is tried at once; the paths' allowances still hold."),
}


@page(Permission.MAIL, under="messages")
def find(request: HttpRequest) -> HttpResponse:
    """The search field at the top: guesses from its shape what somebody means."""
    asked = request.GET.get("q", "").strip()[:LONGEST_QUESTION]
    if not asked:
        return redirect("messages")
    sees_all = may(request.user, Permission.SEE)
    if (some_id := id_in(asked)) and stories.find(some_id, scope_of(request.user)):
        return redirect("message", some_id)
    if sees_all and _is_ip(asked) and (ip := SendingIP.objects.filter(address=asked).first()):
        return redirect("ip", ip.pk)
    if "@" in asked:
        return _messages(recipient=asked)
    if sees_all and (tenant := Tenant.objects.filter(name__iexact=asked).first() or Tenant.objects.filter(title__iexact=asked).first()):
        return redirect("tenant", tenant.name)
    if sees_all and (tenant := Tenant.objects.filter(domains__name__iexact=asked).first()):
        return redirect("tenant", tenant.name)
    if sees_all and (sorted_ := DomainProvider.objects.filter(pk=asked.lower()).first()):
        return redirect("provider", sorted_.provider_id)
    return _messages(subject=asked)


@page(Permission.MAIL)
def message_search(request: HttpRequest) -> HttpResponse:
    """Messages, newest first, by what is asked."""
    scope = scope_of(request.user)
    tenants = list(Tenant.objects.values_list("id", "title")) if scope.tenant_id is None else []
    asked = {name: request.GET.get(name, "").strip()[:LONGEST_QUESTION].replace("\x00", "") for name in ("recipient", "subject", "tenant", "state", "tag")}
    question = Question(
        asked["recipient"],
        asked["subject"],
        int(asked["tenant"]) if asked["tenant"].isdecimal() and len(asked["tenant"]) < 19 else None,
        asked["state"] if asked["state"] in DeliveryState.values else "",
        asked["tag"],
    )
    answers: list[Answer] = []

    def fetch(cursor: Cursor) -> tuple[Found, ...]:
        answers.append(search(question, scope, cursor))
        return answers[-1].rows

    table = newest_first(request, fetch, lambda row: row.id)
    further = "?" + urlencode({**{k: v for k, v in asked.items() if v}, "below": str(answers[-1].looked_to)}) if answers[-1].looked_to else ""
    context = {
        "table": table, "asked": asked, "asks": question.asks, "tenants": tenants, "states": DeliveryState.choices, "searched": request.GET.get("q", ""),
        "looked_back_to": answers[-1].looked_back_to, "further": further,
    }  # fmt: skip
    return render(request, "delivery/messages.html", context)


@page(Permission.MAIL, under="messages")
def message(request: HttpRequest, some_id: UUID) -> HttpResponse:
    """One delivery of one message, whole."""
    return render(request, "delivery/message.html", _told(request, some_id))


@page(Permission.MAIL, under="messages")
def message_fragment(request: HttpRequest, some_id: UUID) -> HttpResponse:
    """The same while it is under way, for the live part of the page."""
    return fragment(request, "delivery/message_story.html", _told(request, some_id))


@page(Permission.READ_BODY, under="messages")
def message_content(request: HttpRequest, some_id: UUID) -> HttpResponse:
    """Headers and body. Every look is audited."""
    message, delivery = _found(request, some_id)
    content = content_of(message.body_id)
    record_request(request, "message read", f"message {message.pk}", f"Looked at the headers and body of message {message.pk}.", tenant_id=message.tenant_id)
    ticket = signing.dumps([str(message.pk), request.user.pk], salt="message-frame")
    return render(request, "delivery/content.html", {"message": message, "delivery": delivery, "content": content, "ticket": ticket})


@page(Permission.READ_BODY, under="messages")
def message_frame(request: HttpRequest, some_id: UUID, ticket: str) -> HttpResponseBase:
    """The HTML alone, caged; only from a page that was audited, for a few minutes."""
    message, _ = _found(request, some_id)
    try:
        allowed = signing.loads(ticket, salt="message-frame", max_age=FRAME_FOR_S)
    except signing.BadSignature:
        allowed = None
    if allowed != [str(message.pk), request.user.pk]:
        raise PermissionDenied("Open the message's content page again.")
    content = content_of(message.body_id)
    return as_mail_body(HttpResponse(content.html if content else "", content_type="text/html; charset=utf-8"))


@action(Permission.STEER_MAIL)
def message_cancel(request: HttpRequest, some_id: UUID) -> HttpResponse:
    """Take what still waits of a message out of the queue, for good."""
    message, delivery = _found(request, some_id)
    with transaction.atomic(), connection.cursor() as cursor:
        gone = cancel(cursor.connection.cursor(), message.tenant_id, message.pk, now(), str(getattr(request.user, "email", "")))
        if gone:
            sentence = f"Cancelled message {message.pk}: {len(gone)} of its recipients."
            record_request(request, "message cancelled", f"message {message.pk}", sentence, deliveries=len(gone))
    if gone:
        messages.success(request, f"Cancelled for {len(gone)} {'recipient' if len(gone) == 1 else 'recipients'}.")
    else:
        messages.warning(request, "Nothing was left to cancel: it is with an engine, or done.")
    return redirect("message", delivery.pk)


@action(Permission.STEER_MAIL)
def message_release(request: HttpRequest, some_id: UUID) -> HttpResponse:
    """Let a waiting delivery go now: release, send now, try now."""
    message, delivery = _found(request, some_id)
    waits_for = request.POST.get("waits_for", "")
    if waits_for not in RELEASES:
        raise Http404("There is nothing of that kind to let go.")
    button, word, _ = RELEASES[waits_for]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PUT_BACK, {"ids": [delivery.pk], "why": [waits_for]})
        let_go = cursor.rowcount
        if let_go:
            data = {"by": getattr(request.user, "email", "")}
            if word == Kind.RELEASED:
                tell(cursor.connection.cursor(), [Happened(delivery.pk, message.tenant_id, Kind.RELEASED, data)], now())
            else:
                Event.objects.create(id=time_ordered_id(), delivery_id=delivery.pk, tenant_id=message.tenant_id, kind=word, at=now(), data=data)
            record_request(request, f"delivery {word}", f"message {message.pk}", f"{button}: delivery {delivery.pk} to {delivery.recipient}.")
    if let_go:
        messages.success(request, f"It was {word}.")
    else:
        messages.warning(request, "It was not waiting for that any more.")
    return redirect("message", delivery.pk)


@action(Permission.STEER)
def campaign_release(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a campaign that a provider blocked, whatever the provider says."""
    with transaction.atomic(), connection.cursor() as cursor:
        block = get_object_or_404(CampaignBlock.objects.select_related("tenant"), pk=pk)
        gone = release(cursor.connection.cursor(), pk, str(getattr(request.user, "email", "")))
        record_request(request, "campaign released", f"campaign {pk}", f"Released {block}: {gone} of its deliveries.", tenant_id=block.tenant_id)
    messages.success(request, f"It was released: {formats.plural(gone, 'delivery', 'deliveries')} can go.")
    return redirect("queues")


@page(Permission.SEE)
def queues(request: HttpRequest) -> HttpResponse:
    """What waits, where and why, the worst first."""
    return render(request, "delivery/queues.html", {"figures": queue_figures(), "lanes": lanes_now()})


@page(Permission.SEE, under="queues")
def queues_fragment(request: HttpRequest) -> HttpResponse:
    return fragment(request, "delivery/queues_now.html", {"figures": queue_figures(), "lanes": lanes_now()})


# -- pieces --------------------------------------------------------------------------------------------------------------
def _found(request: HttpRequest, some_id: UUID):  # type: ignore[no-untyped-def]
    found = stories.find(some_id, scope_of(request.user))
    if found is None:
        raise Http404("There is no such message, or it is not yours to see.")
    return found


def _told(request: HttpRequest, some_id: UUID) -> dict[str, object]:
    message, delivery = _found(request, some_id)
    story = stories.tell(message, delivery)
    others = stories.recipients_of(message) if message.recipients > 1 else None
    siblings = stories.siblings_of(message, delivery) if others else ()
    release = RELEASES.get(story.place.place) if not story.is_final else None
    # In the sandbox what was delivered can be looked at where it arrived.
    inbox = f"{settings.SANDBOX_URL}/?{urlencode({'q': delivery.recipient})}" if settings.SANDBOX_URL and story.state == DeliveryState.DELIVERED else ""
    return {"story": story, "message": message, "delivery": delivery, "others": others, "siblings": siblings, "release": release, "inbox": inbox}


def _messages(**asked: str) -> HttpResponse:
    return redirect(f"{reverse('messages')}?{urlencode(asked)}")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _held() -> Count | None:
    number = held_count()
    return Count(number, "held", "held") if number else None


register(Group.NOW, "Messages", "messages", Permission.MAIL, 20)
register(Group.NOW, "Queues", "queues", Permission.SEE, 30, count=_held)
register_search("search")

urlpatterns = [
    path("search/", find, name="search"),
    path("messages/", message_search, name="messages"),
    path("messages/<uuid:some_id>/", message, name="message"),
    path("messages/<uuid:some_id>/now/", message_fragment, name="message_fragment"),
    path("messages/<uuid:some_id>/content/", message_content, name="message_content"),
    path("messages/<uuid:some_id>/content/<str:ticket>/", message_frame, name="message_frame"),
    path("messages/<uuid:some_id>/cancel/", message_cancel, name="message_cancel"),
    path("messages/<uuid:some_id>/release/", message_release, name="message_release"),
    path("campaigns/<int:pk>/release/", campaign_release, name="campaign_release"),
    path("queues/", queues, name="queues"),
    path("queues/now/", queues_fragment, name="queues_fragment"),
]
