"""End to end against a real BIND: real doors, three vantage points, the pilot, signed updates."""

import os
import signal
import time

import pytest
from django.db import connections

from mailplatform.shell.notices import open_notices
from monitoring.dns import publish
from monitoring.dns.intend import intend
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.endpoints.models import Endpoint
from tests.dnsfailover.named import PROGRAM, ZONE, Named, free_port
from tests.dnsfailover.rig import Shop, dns_zone, endpoint, flying, looking, policy, record_set, until

NAME = f"api.{ZONE}"
VANTAGES = ("north", "south", "witness")
FIRST, BACKUP = "127.0.0.5", "127.0.0.6"


def _kinds() -> set[str]:
    return {notice.kind for notice in open_notices()}


def _changes(row: RecordSet) -> list[DnsChange]:
    return list(DnsChange.objects.filter(record_set=row).order_by("id"))


def _seen(row: RecordSet, changes: int = 1) -> bool:
    """The platform itself has seen the newest of so many changes published: what happens before that finds nothing published, or a change under way."""
    made = _changes(row)
    return len(made) == changes and made[-1].state == DnsChange.State.VISIBLE


@pytest.mark.skipif(PROGRAM is None, reason="bind9 is not installed")
def test_a_killed_endpoint_leaves_all_authoritative_servers_and_comes_back(transactional_db: None) -> None:
    policy(every_ms=100, recover_s=0, up_after=2)
    one, two, port = Shop(), Shop(), free_port()
    with Named(secondaries=(port,)) as primary, Named(of=primary, port=port) as secondary:
        zone = dns_zone(primary, authoritative=f"127.0.0.1:{primary.port}\n127.0.0.1:{port}")
        row = record_set(zone, {FIRST: (endpoint("one", one), 0), BACKUP: (endpoint("two", two), 1)})
        with looking(*VANTAGES), flying():
            until(lambda: secondary.says(NAME) == {FIRST}, "the first publication is at the secondary")
            one.shut()
            until(lambda: primary.says(NAME) == secondary.says(NAME) == {BACKUP}, "the backup is at both servers")
            moved = until(lambda: DnsChange.objects.filter(record_set=row, kind="failover", state="visible").first(), "the change is seen everywhere")
            one.open()
            until(lambda: primary.says(NAME) == secondary.says(NAME) == {FIRST}, "it fails back")
    assert moved.before == [FIRST] and moved.after == [BACKUP] and moved.who == "the platform"
    assert moved.first_sign_at <= moved.cause_at <= moved.at <= moved.pushed_at <= moved.visible_at
    assert "connection refused" in moved.evidence["verdict"] and moved.tries == 1
    one.shut(), two.shut()


def test_all_targets_dead_keeps_the_last_set_and_says_so(named: Named) -> None:
    policy(every_ms=100, recover_s=0, up_after=2)
    one, two = Shop(), Shop()
    row = record_set(dns_zone(named), {FIRST: (endpoint("one", one), 0), BACKUP: (endpoint("two", two), 1)})
    with looking(*VANTAGES), flying():
        until(lambda: _seen(row), "it is published, and the platform has seen so")
        one.shut(), two.shut()
        until(lambda: Endpoint.objects.filter(state="down").count() == 2, "both are found dead")
        notice = until(lambda: open_notices().filter(kind="dns_all_dead").first(), "a notice says so")
        published = RecordSet.objects.get(pk=row.pk).published
        assert notice.get_severity_display() == "critical" and named.says(NAME) == set(published) != set()
        two.open()
        until(lambda: named.says(NAME) == {BACKUP} and "dns_all_dead" not in _kinds(), "what lives again is published, and the notice is cleared")
    two.shut()


def test_a_flapping_endpoint_moves_its_name_once(named: Named) -> None:
    policy(every_ms=100, recover_s=30, up_after=2)
    one, two = Shop(), Shop()
    row = record_set(dns_zone(named), {FIRST: (endpoint("one", one), 0), BACKUP: (endpoint("two", two), 1)})
    with looking(*VANTAGES), flying():
        until(lambda: _seen(row), "it is published, and the platform has seen so")
        one.shut()
        until(lambda: _seen(row, changes=2) and named.says(NAME) == {BACKUP}, "it moved")
        for _ in range(3):
            one.open()
            seen = _knocks("one")
            until(lambda seen=seen: _knocks("one") > seen, "it was seen alive")
            one.shut()
            until(lambda: Endpoint.objects.get(name="one").looks.filter(ok=True).count() == 0, "it was seen dead again")
    assert [change.kind for change in _changes(row)] == ["first", "failover"] and named.says(NAME) == {BACKUP}
    two.shut()


def _knocks(name: str) -> int:
    return sum(look.in_row for look in Endpoint.objects.get(name=name).looks.filter(ok=True))


def test_a_wrong_key_is_told_and_publishes_nothing(named: Named) -> None:
    from mailplatform.shell.secrets import encrypt

    zone = dns_zone(named, secret_encrypted=encrypt(b"bm90IHRoZSBrZXkgYXQgYWxs"))
    row = record_set(zone, {FIRST: (None, 0)})
    with flying():
        notice = until(lambda: open_notices().filter(kind="dns_trouble").first(), "a notice says what is wrong")
        assert "another secret at the server (BADSIG)" in notice.sentence and named.says(NAME) == set()
        zone.secret_encrypted = encrypt(named.secret.encode())
        zone.save()
        until(lambda: named.says(NAME) == {FIRST}, "with the right key it is published")
        until(lambda: "dns_trouble" not in _kinds(), "the notice is cleared")
    assert named.secret not in str(RecordSet.objects.filter(pk=row.pk).values_list()) and "bm90" not in notice.sentence


def test_an_edit_by_somebody_else_is_noticed_and_never_overwritten_unasked(named: Named) -> None:
    policy(every_ms=100, recover_s=0, up_after=2)
    one, two = Shop(), Shop()
    row = record_set(dns_zone(named), {FIRST: (endpoint("one", one), 0), BACKUP: (endpoint("two", two), 1)})
    with looking(*VANTAGES), flying():
        until(lambda: _seen(row), "it is published, and the platform has seen so")
        named.edit(NAME, "A", "127.0.0.99")
        one.shut()  # the platform wants to move at once, and its update must not pass
        until(lambda: RecordSet.objects.get(pk=row.pk).state == "foreign", "the edit is noticed")
        until(lambda: "dns_edited" in _kinds(), "a notice says so")
        assert named.says(NAME) == {"127.0.0.99"}
        intend(RecordSet.objects.get(pk=row.pk), "overwrite", [BACKUP], "somebody", "They said so.", before=["127.0.0.99"])
        until(lambda: named.says(NAME) == {BACKUP}, "a person's word overwrites it")
    refused = DnsChange.objects.filter(record_set=row, state="refused").first()
    assert refused is None or refused.after == [BACKUP]
    two.shut()


def test_killed_between_push_and_commit_the_next_one_finds_what_was_published(named: Named) -> None:
    row = record_set(dns_zone(named), {FIRST: (None, 0)}, mode="propose")
    RecordSet.objects.filter(pk=row.pk).update(state="agreed", published_since="2026-01-01T00:00Z")
    change = intend(row, "first", [FIRST], "somebody", "They said so.")
    serial = _serial(named)
    assert _dies_after_the_push(change.pk) == signal.SIGKILL
    change.refresh_from_db()
    assert named.says(NAME) == {FIRST} and change.state == "intended" and change.tries == 1 and RecordSet.objects.get(pk=row.pk).published == []
    with flying():
        until(lambda: DnsChange.objects.get(pk=change.pk).state == "visible", "the next one settles it")
    change.refresh_from_db()
    assert change.evidence["pushed"] == "found at the server" and change.tries == 1
    assert _serial(named) == serial + 1, "the update was sent once"
    assert RecordSet.objects.get(pk=row.pk).published == [FIRST] and "dns_edited" not in _kinds()


def _serial(named: Named) -> int:
    return int(next(iter(named.says(ZONE, "SOA"))).split()[2])


def _dies_after_the_push(change_id: int) -> int:
    """A process that is killed with -9 in the moment in which the server has answered; gives the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            kept = connections["default"].connection  # the parent's session must stay open, and is not ours
            connections["default"].connection = None
            real = publish.push

            def push_and_die(*arguments: object) -> None:
                real(*arguments)  # type: ignore[arg-type]
                os.kill(os.getpid(), signal.SIGKILL)

            publish.push = push_and_die  # type: ignore[assignment]
            publish.carry_on(change_id)
            del kept
        finally:
            os._exit(1)
    deadline = time.monotonic() + 30
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return os.WTERMSIG(done[1]) if os.WIFSIGNALED(done[1]) else 0
