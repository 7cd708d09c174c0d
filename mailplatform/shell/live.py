"""Live fragments: a part of a page that is fetched again every few seconds while somebody looks at it.

A fragment is one template, included by its page and rendered alone by its own view (`fragment`). Its root element carries
`{% live "url_name" args %}`; `static/console/live.js` fetches that address and puts the answer in the element's place. Nothing is
fetched while the tab is hidden, the element is out of sight, or a person has a form open in it. A root without the tag ends the polling.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

EVERY_S = 2.0


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The fragment alone, as it stands in its page."""
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
