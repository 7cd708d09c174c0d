"""What a browser may load: scripts and styles from this host alone, nothing inline, no frames around us.

The policy itself is `settings.CONTENT_SECURITY_POLICY`. Under /admin/ alone django-unfold's Alpine compiles expressions (`unsafe-eval`) and sets
style attributes. A message's body gets a policy that allows nothing but its own inline styles and embedded pictures, in a sandbox without scripts.
"""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

_ADMIN = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
MAIL_BODY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox"


class PolicyMiddleware(CSPMiddleware):
    """django-csp, with the admin's own policy under the admin's own address."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(reverse("admin:index")) and not hasattr(response, "_csp_replace"):
            response._csp_replace = _ADMIN  # type: ignore[attr-defined]
        return super().process_response(request, response)


def as_mail_body(response: HttpResponseBase) -> HttpResponseBase:
    """Put a hostile document into its cage: no scripts, no forms, no network, only in a frame of ours."""
    response["Content-Security-Policy"] = MAIL_BODY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Referrer-Policy"] = "no-referrer"
    return response
