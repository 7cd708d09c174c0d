"""JSON in, JSON out, RFC 9457 problems: what every API of the platform is made of.

Owns: the renderer, the parser and the exception handler that settings name, and `ApiProblem`, the one exception that views
raise. Promises: every error of an API view is `application/problem+json` and names the field or header at fault; text that
PostgreSQL or mail cannot hold (broken UTF-8, NUL, lone surrogates) never comes past the parser; bodies over
MAX_REQUEST_BYTES are refused unread. A database that does not answer is a 503 with Retry-After. Surprises are logged and answered
with a 500 problem that tells nothing. Never: logs bodies or keys.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import psycopg
from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from mailplatform.shell.database.away import is_away
from mailplatform.shell.problems import Problem

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S, AWAY_RETRY_AFTER_S = 5, 2
log = logging.getLogger(__name__)


class ApiProblem(exceptions.APIException):
    """What a view raises to refuse: one RFC 9457 problem."""

    def __init__(self, status: int, kind: str, title: str, detail: str, errors: Sequence[Problem] = (), headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status_code = status
        self.kind, self.title, self.sentence = kind, title, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


def invalid(problems: Sequence[Problem], status: int = 422) -> ApiProblem:
    """The request was understood and is wrong: says where, and how, all at once."""
    first = problems[0]
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    return ApiProblem(status, "invalid-request", "The request is not valid.", f"{first.field}: {first.problem}{more}", problems)


def unavailable(detail: str, retry_after_s: int = RETRY_AFTER_S) -> ApiProblem:
    """Nothing was accepted; the same request may be sent again."""
    return ApiProblem(503, "unavailable", "The platform cannot take this request now.", detail, headers={"Retry-After": str(retry_after_s)})


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS, default=str)


class JsonParser(BaseParser):
    """JSON that is UTF-8, whole, and holds only text that can be stored. The bytes stay on the request as `raw_json`."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            raw = stream.read(settings.MAX_REQUEST_BYTES + 1)
        except UnreadablePostError:
            raise invalid([Problem("body", "The connection ended before the body did.")], status=400) from None
        if len(raw) > settings.MAX_REQUEST_BYTES:
            raise too_large()
        if parser_context is not None:
            parser_context["request"]._request.raw_json = raw
        return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """The value, or an ApiProblem that names what in it is wrong."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as no:
        raise invalid([_unreadable_at(raw, no)], status=400) from None
    if b"\\u0000" in raw and (bad := next(_unstorable(value), None)):
        raise invalid([bad], status=400)
    return value


def _unreadable_at(raw: bytes, no: orjson.JSONDecodeError) -> Problem:
    """Where it is: broken UTF-8 and lone surrogates are found by a second, lenient reading, other faults by their position."""
    try:
        bad = next(_unstorable(json.loads(raw.decode("utf-8", "surrogateescape"))), None)
    except (ValueError, RecursionError):
        bad = None
    return bad or Problem("body", f"This is not JSON: {no.msg} at line {no.lineno}, column {no.colno}.")


_SURROGATE = re.compile("[\ud800-\udfff]")


def _unstorable(value: Any) -> Iterator[Problem]:
    """Text with a NUL or a code point that is no character. An explicit stack: depth is the sender's choice."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, str):
            if "\0" in item:
                yield Problem(path or "body", "It holds a NUL character, which neither mail nor the database can carry.")
            elif _SURROGATE.search(item):
                yield Problem(path or "body", "It holds bytes or escapes that are no Unicode character (broken UTF-8 or a lone surrogate).")
        elif isinstance(item, dict):
            for key, inner in item.items():
                if "\0" in key or _SURROGATE.search(key):
                    yield Problem(path or "body", "The name of one of its fields holds a NUL or something that is no Unicode character.")
                    continue
                stack.append((f"{path}.{key}" if path else key, inner))
        elif isinstance(item, list):
            stack.extend((f"{path}[{number}]", inner) for number, inner in enumerate(item))


def too_large(most_bytes: int | None = None) -> ApiProblem:
    detail = f"A request has at most {(most_bytes or settings.MAX_REQUEST_BYTES) // (1024 * 1024)} MB."
    return ApiProblem(413, "too-large", "The request is too large.", detail, [Problem("body", detail)])


def check_framing(request: HttpRequest, most_bytes: int | None = None) -> None:
    """Refuse, unread, bodies that are too long, compressed, or of a length that nobody told."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > (most_bytes or settings.MAX_REQUEST_BYTES):
        raise too_large(most_bytes)
    if not length and "HTTP_TRANSFER_ENCODING" in request.META:
        detail = "Send the body with a Content-Length; chunked requests are not read."
        raise ApiProblem(411, "length-required", "The request needs a Content-Length.", detail, [Problem("Content-Length", detail)])
    if (encoding := request.META.get("HTTP_CONTENT_ENCODING", "identity").lower()) != "identity":
        detail = f"Compressed requests are not read; send the body as it is, without Content-Encoding: {encoding[:40]}."
        raise ApiProblem(415, "unsupported-media-type", "The request's encoding is not supported.", detail, [Problem("Content-Encoding", detail)])


class PlainNegotiation(DefaultContentNegotiation):
    """Accept alone decides; `?format=` is nobody's parameter."""

    def filter_renderers(self, renderers: Any, format: Any) -> Any:
        return renderers


_OF_STATUS = {
    400: ("invalid-request", "The request is not valid.", "body"),
    401: ("unauthenticated", "The request carries no valid key.", "Authorization"),
    403: ("forbidden", "This key may not do that.", "Authorization"),
    404: ("not-found", "There is nothing here.", "path"),
    405: ("method-not-allowed", "This address does not take that method.", "method"),
    406: ("not-acceptable", "The answer is JSON, and the request does not accept it.", "Accept"),
    413: ("too-large", "The request is too large.", "body"),
    415: ("unsupported-media-type", "The request's body is of a type that is not read here.", "Content-Type"),
    429: ("too-many", "Too much, too fast.", "Authorization"),
    503: ("unavailable", "The platform cannot take this request now.", ""),
}


def problem_details(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Django REST framework's EXCEPTION_HANDLER: every exception of an API view as a problem."""
    from rest_framework.views import set_rollback  # that module reads the settings that name this one

    set_rollback()
    problem = _as_problem(exc)
    if problem is None:
        log.exception("surprise in %s", type(context.get("view")).__name__, exc_info=exc)
        got_request_exception.send(sender=None, request=context.get("request"))  # as Django does for its own 500s
        detail = "It was logged. Whether the request took effect is not known; look before repeating it."
        problem = ApiProblem(500, "surprise", "Something went wrong on our side.", detail)
    return Response(body_of(problem), problem.status_code, headers=problem.headers, content_type=PROBLEM_TYPE)


def body_of(problem: ApiProblem) -> dict[str, Any]:
    """The members of RFC 9457 §3.1, and `errors`."""
    return {
        "type": f"urn:mailplatform:problem:{problem.kind}",
        "title": problem.title,
        "status": problem.status_code,
        "detail": problem.sentence,
        "errors": [{"field": each.field, "problem": each.problem} for each in problem.errors],
    }


def _as_problem(exc: Exception) -> ApiProblem | None:
    if isinstance(exc, ApiProblem):
        return exc
    if is_away(exc) or isinstance(exc, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError):
        log.warning("database does not answer: %s: %s", type(exc.__cause__ or exc).__name__, str(exc).split("\n")[0][:200])
        return unavailable("The database does not answer. Nothing was accepted; send the same request again.", AWAY_RETRY_AFTER_S)
    if isinstance(exc, DatabaseError | psycopg.Error):
        return None
    if isinstance(exc, RequestDataTooBig):
        return too_large()
    if isinstance(exc, Http404):
        return of_status(404, str(exc) if exc.args and isinstance(exc.args[0], str) else "")
    if isinstance(exc, PermissionDenied):
        return of_status(403, str(exc))
    if isinstance(exc, SuspiciousOperation):
        return of_status(400, "The request is malformed.")
    if isinstance(exc, exceptions.APIException):
        return _of_framework(exc)
    return None


def _of_framework(exc: exceptions.APIException) -> ApiProblem:
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return of_status(exc.status_code, str(exc.detail), headers)


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> ApiProblem:
    """The usual problem of a status."""
    kind, title, field = _OF_STATUS.get(status, ("error", HTTPStatus(status).phrase, ""))
    return ApiProblem(status, kind, title, detail or title, [Problem(field, detail or title)] if field else [], headers)


def problem_response(problem: ApiProblem) -> HttpResponse:
    """The same outside of Django REST framework: unknown addresses below /api/, refused hosts, surprises in middleware."""
    return HttpResponse(orjson.dumps(body_of(problem)), status=problem.status_code, headers=problem.headers, content_type=PROBLEM_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host that is not ours and the like, refused before any view."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    bad = Problem("Host", "This host name is not served here.") if isinstance(exception, DisallowedHost) else Problem("request", "It is malformed.")
    return problem_response(invalid([bad], status=400))


def database_away(request: HttpRequest) -> HttpResponse:
    """Any page, while the database is switched or away: says so, and asks again by itself."""
    response = render(request, "503.html", {"again_s": AWAY_RETRY_AFTER_S if request.method == "GET" else None}, status=503)
    response["Retry-After"] = str(AWAY_RETRY_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: surprises outside of the API's views; the database among them, when a session needed it."""
    surprise = sys.exc_info()[1]
    away = surprise if isinstance(surprise, Exception) and is_away(surprise) else None
    if not request.path.startswith("/api/"):
        return database_away(request) if away else defaults.server_error(request)
    if away and (problem := _as_problem(away)):
        return problem_response(problem)
    return problem_response(of_status(500, "It was logged. Nothing was accepted."))
