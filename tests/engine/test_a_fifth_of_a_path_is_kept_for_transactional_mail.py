"""Connections, rate and allowance of a path whose IP serves transactional mail too: others use four fifths, and never the last of several connections."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from delivery.engine.kept import Kept
from delivery.engine.outbox import Job, Outbox, Site
from delivery.engine.path import Path
from delivery.queue.claim import Claim, StoredBody
from delivery.smtp.target import TlsMode
from pools.allowances import Credit
from pools.providers.profile import Profile
from pools.purposes import Purpose
from pools.windows import HOUR_S

NOW = datetime.now(UTC)
SITE = Site(("mx.example",), 25, TlsMode.REQUIRED)


def _job(path: Path, purpose: Purpose, number: int = 1) -> Job:
    claim = Claim(UUID(int=number), UUID(int=1), 1, 1, 1, 1, 1, int(purpose), float(number), NOW, 0, 0, 0, None, [], "a@b.example", 1, 0, None, NOW)
    body: Any = StoredBody
    return Job(claim, body, path, "mx:b.example", {})


def _path(**profile: object) -> Path:
    path = Path.new(1, 1, Profile(**profile))  # type: ignore[arg-type]
    path.kept.active = True
    return path


@pytest.mark.parametrize(("limit", "others"), [(1, 1), (2, 1), (3, 2), (5, 4), (10, 8), (50, 40)])
def test_others_open_four_fifths_of_the_connections_and_never_the_last_of_several(limit: int, others: int) -> None:
    kept = Kept(active=True)
    while kept.others_may_open(limit):
        kept.others_open += 1
    assert kept.others_open == others


def test_a_path_that_serves_no_transactional_mail_keeps_nothing() -> None:
    kept = Kept()
    kept.others_open = 50
    assert kept.others_may_open(50)


def test_others_go_at_four_fifths_of_the_rate() -> None:
    kept, now_s, went = Kept(active=True), 0.0, 0
    while now_s < 100.0:
        at_s = kept.others_at_s(now_s)
        if at_s <= now_s:
            kept.other_goes(now_s, spacing_s=0.1)
            went += 1
        now_s = max(at_s, now_s) + 0.003
    assert 780 <= went <= 801


def test_others_leave_a_fifth_of_the_allowance() -> None:
    path = _path(per_hour=1000, connections=10)
    assert path.allowance is not None
    path.allowance.take(HOUR_S, Credit(50, NOW, 30.0, used=845), 0.0)
    first, others = path.rooms(1.0)
    assert others == 5 and first > 5, "795 are used, 50 are credit: five more may be others'"
    path.allowance.take(HOUR_S, Credit(50, NOW, 30.0, used=950), 0.0)
    assert path.rooms(1.0)[1] == 0 and path.rooms(1.0)[0] > 0


async def test_a_connection_for_transactional_mail_alone_takes_no_other() -> None:
    outbox = Outbox(_path(), SITE)
    outbox.put(_job(outbox.path, Purpose.MARKETING))
    assert outbox.next(first_only=True) is None
    waiting = asyncio.create_task(outbox.wait(1.0, first_only=True))
    await asyncio.sleep(0)
    outbox.put(_job(outbox.path, Purpose.NOTIFICATION, 2))
    outbox.put(_job(outbox.path, Purpose.TRANSACTIONAL, 3))
    job = await waiting
    assert job is not None and job.claim.purpose == Purpose.TRANSACTIONAL
    assert len(outbox) == 2


async def test_transactional_jobs_go_first_and_others_as_they_were_claimed() -> None:
    outbox = Outbox(_path(), SITE)
    for number, purpose in enumerate((Purpose.NOTIFICATION, Purpose.MARKETING, Purpose.NOTIFICATION, Purpose.TRANSACTIONAL), 1):
        outbox.put(_job(outbox.path, purpose, number))
    assert [job.id.int for job in (outbox.next(), outbox.next(), outbox.next(), outbox.next()) if job] == [4, 1, 2, 3]


async def test_while_transactional_mail_waits_for_a_slot_no_connection_goes_on_with_others() -> None:
    outbox = Outbox(_path(), SITE)
    outbox.put(_job(outbox.path, Purpose.MARKETING))
    outbox.path.kept.yields = True
    assert outbox.next() is None and await outbox.wait(1.0) is None
    outbox.path.kept.yields = False
    assert outbox.next() is not None
