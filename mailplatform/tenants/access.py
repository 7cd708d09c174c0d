"""The door of the tenant's API: bearer keys, scopes, and the base class of its views.

Promises: no view below `TenantView` runs without a key that is valid and of the right scope; every refusal is a
problem that names the header. Never: sessions or cookies.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import PlainNegotiation, check_framing, invalid, of_status
from mailplatform.tenants.keys import Key, Refused, note_use, recognise

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mailplatform"'}  # RFC 6750 §3


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer KEY`; `request.auth` is the Key."""

    def authenticate(self, request: Request) -> tuple[None, Key]:
        scheme, _, plain = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not plain.strip():
            raise of_status(401, "The request has no key. Send the header Authorization: Bearer KEY.", _CHALLENGE)
        at = now()
        found = recognise(plain.strip(), client_address(request._request), at)
        if isinstance(found, Refused):
            status = 403 if found is Refused.NETWORK else 401
            raise of_status(status, found.value, _CHALLENGE if status == 401 else None)
        note_use(found, at)
        return None, found

    def authenticate_header(self, request: Request) -> str:
        return _CHALLENGE["WWW-Authenticate"]


def client_address(request: HttpRequest) -> str:
    """The peer's address; behind our own proxy (settings.BEHIND_PROXY) the last one that the proxy wrote."""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None) and (forwarded := request.META.get("HTTP_X_FORWARDED_FOR")):
        return str(forwarded).rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


class HasScope(BasePermission):
    """The key has the scope that the view names for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key: Key = request.auth  # type: ignore[assignment]
        needed = view.scope_of(str(request.method))
        if needed not in key.scopes:
            raise of_status(403, f"This key has no scope {needed}.")
        return True


class TenantView(APIView):
    """A view of the tenant's API. `scope` is what its key needs; `scopes` overrides it by method; `most_bytes`: of a body that it reads by itself."""

    authentication_classes = (BearerKey,)
    permission_classes = (HasScope,)
    content_negotiation_class = PlainNegotiation
    scope: ClassVar[str]
    scopes: ClassVar[dict[str, str]] = {}
    most_bytes: ClassVar[int | None] = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view, saying who may come in as the console's pages do."""
        view: Any = super().as_view(**initkwargs)
        view.declared_permission = f"key: {cls.scope}"
        return view

    def scope_of(self, method: str) -> str:
        return self.scopes.get(method, self.scope)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_framing(request._request, self.most_bytes)
        if request.method not in {name.upper() for name in self.http_method_names if hasattr(self, name)}:
            self.http_method_not_allowed(request, *args, **kwargs)  # before the scope, which such a method has none of
        super().initial(request, *args, **kwargs)

    @property
    def json(self) -> Any:
        """The body's JSON value, of any type. (`request.data` would make an empty body an empty object.)"""
        if self.request.stream is None:
            raise invalid([Problem("body", "The request has no body; it is a JSON object.")], status=400)
        return self.request.data

    @property
    def key(self) -> Key:
        return self.request.auth  # type: ignore[return-value]

    @property
    def tenant_id(self) -> int:
        return self.key.tenant_id


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI page describes the key."""

    target_class = BearerKey
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A tenant's API key, made in the console: mp_…_…"}
