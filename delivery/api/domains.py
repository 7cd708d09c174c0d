"""Sending domains: claim, list, read with records, checks and readiness, change, check now, new keys, delete.

Everything is asked for by the key's own tenant: another tenant's domain is 404, and the same name may be claimed by both.
"""

from dataclasses import asdict
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import domain_schema
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.api.suppressions import HIGHEST_ID
from delivery.domains import keys
from delivery.domains.change import Change, change
from delivery.domains.claim import MOST_ROTATE_DAYS, CannotClaim, claim, readable_return_path
from delivery.domains.plan import plan_of
from delivery.domains.readiness import readiness
from delivery.domains.records import delegation_of, records_of
from delivery.domains.remove import preview, remove
from delivery.domains.run import TooSoon, check_on_request
from mailplatform.shell.audit import record
from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import ApiProblem, invalid, of_status
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope
from mailplatform.tenants.models import SendingDomain


def head(domain: SendingDomain) -> dict[str, Any]:
    verdict = readiness(domain)
    return {
        "name": domain.name, "verified": domain.verified_at is not None, "verified_at": domain.verified_at, "return_path": domain.return_path_host or None,
        "return_path_used": domain.return_path_seen_at is not None, "rotate_days": domain.rotate_days, "readiness_state": verdict.state.value,
        "summary": verdict.sentence, "created_at": domain.created_at, "checked_at": domain.checked_at, "next_check_at": domain.next_check_at,
    }  # fmt: skip


def answer(domain: SendingDomain) -> dict[str, Any]:
    """All of it; what the platform's operator publishes is left out of `records`."""
    plan, verdict = plan_of(domain), readiness(domain)
    records = []
    for one in records_of(plan):
        if not one.ours:
            alias = delegation_of(plan, one)
            told = {"name": one.name, "type": one.type, "value": one.value, "strings": list(one.strings), "need": one.need.value, "why": one.why}
            records.append({**told, "instead": alias.value if alias else None})
    providers = [{**asdict(one), "state": one.state.value} for one in verdict.providers]
    return {
        **head(domain), "records": records, "keys": [_key(key) for key in domain.dkim_keys.defer("private_encrypted")],
        "checks": [_check(row) for row in domain.checks.all()],
        "readiness": {"state": verdict.state.value, "sentence": verdict.sentence, "at": verdict.at, "providers": providers},
    }  # fmt: skip


def _key(key: Any) -> dict[str, Any]:
    return {
        "selector": key.selector, "algorithm": key.algorithm, "state": keys.state_of(key, now()).value, "created_at": key.created_at,
        "activated_at": key.activated_at, "retired_at": key.retired_at,
        "record_needed_until": keys.needed_until(key.retired_at) if key.retired_at else None,
    }  # fmt: skip


def _check(row: Any) -> dict[str, Any]:
    return {
        "kind": row.kind, "subject": row.subject, "answer": row.answer, "sentence": row.sentence, "caution": row.detail.get("caution", ""),
        "expected": row.expected, "seen": row.seen, "checked_at": row.checked_at, "since": row.since,
    }  # fmt: skip


class DomainView(TenantView):
    """What all of them share."""

    scope = Scope.DOMAINS

    def find(self, name: str) -> SendingDomain:
        domain = SendingDomain.objects.select_related("tenant").filter(tenant_id=self.tenant_id, name=name.lower().rstrip(".")).first()
        if domain is None:
            raise of_status(404, "This tenant has no domain of this name.")
        return domain

    def tell(self, action: str, domain: SendingDomain, sentence: str) -> None:
        record(f"API key {self.key.prefix}… of {self.key.tenant_name}", action, domain, sentence)

    @staticmethod
    def is_preview(request: Request) -> bool:
        params = request.query_params.dict()
        refuse_unknown(params, ("preview",))
        if params.get("preview", "false") not in ("true", "false"):
            raise invalid([Problem("preview", "It is true or false.")], status=400)
        return params.get("preview") == "true"


class Domains(DomainView):
    """GET lists, the latest first; POST claims one (again: 200 and the one that is there)."""

    @domain_schema.LIST
    def get(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("limit", "cursor", "name"))
        refuse_unstorable(params)
        limit, raw = limit_of(params), read_cursor(params, 8)
        rows = SendingDomain.objects.filter(tenant_id=self.tenant_id).order_by("-id")
        if raw:
            rows = rows.filter(id__lt=min(int.from_bytes(raw, "big"), HIGHEST_ID))
        if name := params.get("name"):
            rows = rows.filter(name=name.lower())
        found = list(rows[: limit + 1])
        cursor = cursor_of(found[min(limit, len(found)) - 1].pk) if found else ""
        return Response(page([head(domain) for domain in found], limit, cursor))

    @domain_schema.CREATE
    def post(self, request: Request) -> Response:
        wanted = _read(self.json, ("name", "return_path", "rotate_days"))
        if not isinstance(wanted.get("name"), str):
            raise invalid([Problem("name", "It is the domain's name, a string.")])
        try:
            domain, is_new = claim(self.tenant_id, wanted["name"])
        except CannotClaim as no:
            raise invalid([Problem("name", str(no))]) from None
        if is_new:
            try:
                change(domain, _change(domain, wanted))
            except ApiProblem:
                domain.delete()
                raise
            self.tell("domain claimed", domain, f"Claimed {domain}.")
        domain.refresh_from_db()
        return Response(answer(domain), 201 if is_new else 200)


class OneDomain(DomainView):
    """GET, PATCH, DELETE."""

    @domain_schema.READ
    def get(self, request: Request, name: str) -> Response:
        return Response(answer(self.find(name)))

    @domain_schema.CHANGE
    def patch(self, request: Request, name: str) -> Response:
        domain = self.find(name)
        wanted = _read(self.json, ("return_path", "rotate_days"))
        if not wanted:
            raise invalid([Problem("body", "Name something to change: return_path or rotate_days.")])
        if sentence := change(domain, _change(domain, wanted)):
            self.tell("domain changed", domain, sentence)
        domain.refresh_from_db()
        return Response(answer(domain))

    @domain_schema.DELETE
    def delete(self, request: Request, name: str) -> Response:
        domain = self.find(name)
        if self.is_preview(request):
            found = preview(domain)
            return Response({"possible": found.possible, "waiting": found.waiting, "sentence": found.sentence})
        told = f"Deleted {domain} and its keys."
        found = remove(domain)
        if not found.possible:
            raise of_status(409, found.sentence)
        record(f"API key {self.key.prefix}… of {self.key.tenant_name}", "domain deleted", f"sending domain {name}", told)
        return Response(status=204)


class Check(DomainView):
    """POST: ask DNS now."""

    @domain_schema.CHECK
    def post(self, request: Request, name: str) -> Response:
        found = check_on_request(self.find(name))
        if isinstance(found, TooSoon):
            raise ApiProblem(429, "too-soon", "It was asked a moment ago.", found.sentence, headers={"Retry-After": str(found.wait_s)})
        return Response(answer(found))


class Rotate(DomainView):
    """POST: new keys, that wait for their records."""

    @domain_schema.ROTATE
    def post(self, request: Request, name: str) -> Response:
        domain = self.find(name)
        if not self.is_preview(request):
            try:
                made = keys.rotate(domain)
            except keys.CannotRotate as no:
                raise of_status(409, str(no)) from None
            self.tell("DKIM keys made", domain, f"Made {', '.join(key.selector for key in made)} for {domain}: they wait for their records.")
        elif keys.waiting_keys(domain).exists():
            raise of_status(409, "New keys wait for their records already. Publish those, or drop them first.")
        return Response(answer(domain))


def _read(data: object, fields: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise invalid([Problem("body", "It is a JSON object.")])
    if unknown := [Problem(name[:80], "There is no such field.") for name in data if name not in fields][:100]:
        raise invalid(unknown)
    return data


def _change(domain: SendingDomain, wanted: dict[str, Any]) -> Change:
    problems: list[Problem] = []
    host: str | None = None
    days = wanted.get("rotate_days")
    if "return_path" in wanted:
        given = wanted["return_path"]
        try:
            if given is not None and not isinstance(given, str):
                raise CannotClaim("It is a name, or null.")
            host = readable_return_path(given or "", domain.name)
        except CannotClaim as no:
            problems.append(Problem("return_path", str(no)))
    if "rotate_days" in wanted and (not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_ROTATE_DAYS):
        problems.append(Problem("rotate_days", f"It is a number of days from 0 to {MOST_ROTATE_DAYS}."))
    if problems:
        raise invalid(problems)
    return Change(host, days)
