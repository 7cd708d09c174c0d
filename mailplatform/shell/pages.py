"""Page doors: every view says who may come in.

`@page` for what is looked at, `@action` for what changes something (POST only, so Django's CSRF check always applies),
`@open_to_all` for the few that ask nobody. A view without one of them fails tests/console/test_every_view_declares_a_permission.py.
A stranger is sent to the login page, a person without the permission gets 403; pages are never kept by caches.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, resolve_url
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme

from mailplatform.shell.permissions import Permission, may

View = Callable[..., HttpResponseBase]


def page(permission: Permission, *, under: str = "", methods: tuple[str, ...] = ("GET", "HEAD")) -> Callable[[View], View]:
    """A page. `under` is the navigation entry that it belongs to, where it is not an entry itself."""
    return lambda view: _guarded(view, permission, under, methods)


def action(permission: Permission) -> Callable[[View], View]:
    """What a button does: POST, then a redirect."""
    return lambda view: _guarded(view, permission, "", ("POST",))


def open_to_all(why: str) -> Callable[[View], View]:
    """A view that asks nobody; the reason stands beside it."""

    def mark(view: View) -> View:
        view.declared_permission = f"open: {why}"  # type: ignore[attr-defined]
        return view

    return mark


def back(request: HttpRequest, to: str, *args: object) -> HttpResponse:
    """After an action: to the page of this host that the form names (`back`), where the person was; else to a view."""
    asked = request.POST.get("back", "")
    ours = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return redirect(asked if ours else resolve_url(to, *args))


def _guarded(view: View, permission: Permission, under: str, methods: tuple[str, ...]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_login(request)
        if not may(request.user, permission):
            raise PermissionDenied(f"This needs the permission '{permission}'.")
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        request.nav_under = under  # type: ignore[attr-defined]
        response = view(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response

    guarded.declared_permission = permission  # type: ignore[attr-defined]
    guarded.methods = methods  # type: ignore[attr-defined]
    return guarded


def _to_login(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request"):  # a live fragment whose session ended: the whole page goes to the login
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url("account_login")})
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
