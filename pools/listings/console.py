"""Console pages of listings: what is open and what we did about it, how the lists are, names of IPs, imports of grades."""

import base64
import zlib
from typing import Any

import httpx
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path as address

from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Count, Group, register
from mailplatform.shell.pages import action, back, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.switch import Switch
from pools.listings import figures
from pools.listings.grades import MAX_BYTES
from pools.listings.imports import COUNT_DAYS, Preview, look_into, store, that_count
from pools.listings.models import AddressCheck, Asked, DnsblZone, Health, Listing, ProviderGrade, Weight
from pools.listings.zones import LIVE, SANDBOX
from pools.models import SendingIP

_HELD = "grades"  # the file between its preview and its import, in the person's own session
SHOWN = 50
ASKED = Switch(
    "block list", DnsblZone, "asked", (Asked.NEVER, Asked.SANDBOX, Asked.ALWAYS),
    done=lambda asked: f"block list {'turned off' if asked == Asked.NEVER else 'turned on'}",
    told=lambda zone: f"The block list {zone} is {'not asked any more' if zone.asked == Asked.NEVER else 'asked now'}.",
    again=lambda zone: f"The block list {zone} is as it was.",
)  # fmt: skip
MANY = Switch(
    "block list's many", DnsblZone, "many_allowed", tuple(Weight),
    done=lambda weight: "block list's many listings decided",
    told=lambda zone: f"What {zone} lists of ours {Weight(zone.many_allowed).label if zone.many_allowed != Weight.INFO else 'is shown only'}.",
    again=lambda zone: f"What {zone} lists of ours waits again.",
)  # fmt: skip


@page(Permission.SEE)
def listings(request: HttpRequest) -> HttpResponse:
    """Open listings, lists, names."""
    return render(request, "pools/listings.html", _now())


@page(Permission.SEE, under="listings")
def listings_now(request: HttpRequest) -> HttpResponse:
    return fragment(request, "pools/listings_now.html", _now())


def _now() -> dict[str, Any]:
    rows, zones, names = figures.open_listings(), figures.zone_rows(), figures.name_rows()
    return {
        "rows": rows, "zones": zones, "names": names, "out": sum(row.listing.severity == Weight.CRITICAL for row in rows),
        "ill": [row for row in zones if row.asked and row.look in ("broken", "limited")], "asked": sum(row.asked for row in zones),
        "unasked": [row for row in zones if not row.asked],
        "many": [row for row in zones if row.asked and row.zone.health == Health.MASS],
        "wrong": [row for row in names if row.state == AddressCheck.State.FAILING], "ips": [row.ip for row in names],
        "on": Asked.ALWAYS if settings.MAIL_MODE == LIVE else Asked.SANDBOX, "sandbox": settings.MAIL_MODE == SANDBOX and bool(settings.SANDBOX_URL),
        "grades": that_count().count(),
    }  # fmt: skip


def _open() -> Count | None:
    count, worst = figures.open_count()
    return Count(count, "open", "broken" if worst else "limited") if count else None


# -- looks and switches ------------------------------------------------------------------------------------------------
@action(Permission.STEER)
def listing_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask again about one listing, now."""
    found = get_object_or_404(Listing.objects.select_related("ip"), pk=pk, cleared_at=None)
    return _look(request, found, f"{found} is looked at again now. It ends when two looks find it off the list.")


@action(Permission.STEER)
def zone_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a list about everything, now."""
    found = get_object_or_404(DnsblZone, pk=pk)
    return _look(request, found, f"{found} is asked about everything now.")


@action(Permission.STEER)
def name_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for an IP's name again, now."""
    found = get_object_or_404(AddressCheck.objects.select_related("ip"), ip_id=pk)
    return _look(request, found, f"The name of {found.ip} is looked at again now.")


def _look(request: HttpRequest, found: Listing | DnsblZone | AddressCheck, sentence: str) -> HttpResponse:
    with transaction.atomic():
        type(found).objects.filter(pk=found.pk).update(look_wanted_at=now())  # type: ignore[attr-defined]
        record_request(request, "looked again", found, sentence)
    messages.success(request, sentence)
    return back(request, "listings")


@action(Permission.STEER)
def zone_asked(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a list, or ask it no more."""
    ASKED.turn(request, request.POST.get("asked", ""), pk=pk)
    return back(request, "listings")


@action(Permission.STEER)
def zone_many(request: HttpRequest, pk: int) -> HttpResponse:
    """What listings may do while a list names very many of us at once."""
    MANY.turn(request, request.POST.get("weight", ""), pk=pk, health=Health.MASS)
    return back(request, "listings")


@action(Permission.STEER)
def sandbox_list(request: HttpRequest) -> HttpResponse:
    """Let the simulated internet list one of our IPs, or take it off. Nowhere but in the sandbox."""
    if settings.MAIL_MODE != SANDBOX or not settings.SANDBOX_URL:
        raise PermissionDenied("This is the sandbox's.")
    ip = get_object_or_404(SendingIP, pk=request.POST.get("ip", "0") if request.POST.get("ip", "").isdecimal() else 0)
    wanted = "dnsbl_remove" if request.POST.get("off") else "dnsbl_add"
    try:
        httpx.post(f"{settings.SANDBOX_URL}/api/control", json={"action": wanted, "ip": str(ip.address), "zone": "zen"}, timeout=3).raise_for_status()
    except httpx.HTTPError as error:
        messages.error(request, f"The sandbox did not do it: {type(error).__name__}.")
        return back(request, "listings")
    sentence = f"The simulated zen.spamhaus.org {'lists' if wanted == 'dnsbl_add' else 'lists no more'} {ip}."
    record_request(request, "sandbox list changed", ip, sentence)
    messages.success(request, f"{sentence} Two looks see it, within about six seconds.")
    return back(request, "listings")


# -- grades ------------------------------------------------------------------------------------------------------------
@page(Permission.SEE, under="listings")
def grades(request: HttpRequest) -> HttpResponse:
    """What providers say of us, by the files that were imported."""
    context = {"rows": ProviderGrade.objects.all()[:200], "counting": set(that_count().values_list("pk", flat=True)), "days": COUNT_DAYS, "most": MAX_BYTES}
    return render(request, "pools/listings_grades.html", context)


@action(Permission.STEER)
def grades_upload(request: HttpRequest) -> HttpResponse:
    """Keep the file for its preview."""
    file = request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose a file first.")
        return redirect("grades")
    raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        messages.error(request, f"The file is larger than {MAX_BYTES // 1000} kB. Export fewer days.")
        return redirect("grades")
    name = (file.name or "file").replace("\x00", "")[:200]
    request.session[_HELD] = {"name": name, "domain": request.POST.get("domain", "")[:253], "data": base64.b64encode(zlib.compress(raw)).decode()}
    return redirect("grades_preview")


@page(Permission.STEER, under="listings")
def grades_preview(request: HttpRequest) -> HttpResponse:
    """What the file would store, and what it would not."""
    held = _held(request)
    if held is None:
        return grades(request)  # type: ignore[return-value]
    name, seen = held
    strangers = sorted({row.subject for row in seen.unknown})
    context = {"name": name, "seen": seen, "shown": seen.known[:SHOWN], "more": max(0, len(seen.known) - SHOWN), "strangers": strangers[:SHOWN],
               "unreadable": seen.parsed.unreadable[:SHOWN], "days": COUNT_DAYS}  # fmt: skip
    return render(request, "pools/listings_preview.html", context)


@action(Permission.STEER)
def grades_store(request: HttpRequest) -> HttpResponse:
    """Store what the preview showed."""
    held = _held(request)
    if held is None:
        messages.warning(request, "There is no file any more: choose it again.")
        return redirect("grades")
    name, seen = held
    with transaction.atomic():
        stored = store(seen.known, name, str(getattr(request.user, "email", request.user)))
        sentence = f"Imported {stored} grades of {seen.parsed.what} from {name}."
        record_request(request, "grades imported", f"file {name}", sentence)
    del request.session[_HELD]
    messages.success(request, sentence)
    return redirect("grades")


def _held(request: HttpRequest) -> tuple[str, Preview] | None:
    held = request.session.get(_HELD)
    if not held:
        return None
    return held["name"], look_into(zlib.decompress(base64.b64decode(held["data"])), held["domain"])


register(Group.SENDING, "Listings", "listings", Permission.SEE, 20, count=_open)

urlpatterns = [
    address("listings/", listings, name="listings"),
    address("listings/now/", listings_now, name="listings_now"),
    address("listings/<int:pk>/look/", listing_look, name="listing_look"),
    address("listings/lists/<int:pk>/look/", zone_look, name="zone_look"),
    address("listings/lists/<int:pk>/asked/", zone_asked, name="zone_asked"),
    address("listings/lists/<int:pk>/many/", zone_many, name="zone_many"),
    address("listings/names/<int:pk>/look/", name_look, name="name_look"),
    address("listings/sandbox/", sandbox_list, name="sandbox_list"),
    address("listings/grades/", grades, name="grades"),
    address("listings/grades/upload/", grades_upload, name="grades_upload"),
    address("listings/grades/preview/", grades_preview, name="grades_preview"),
    address("listings/grades/store/", grades_store, name="grades_store"),
]
