"""A new IP is put into a pool: it warms by itself over days that are short here, its siblings take what is over, and the console shows it.

Nothing bounces for a cap.
"""

import itertools
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.flow.platform import Platform, wait_until

ADDRESS = "127.10.1.9"
DAY_S = 4
JOIN = f"""
from pools.models import Node, Pool, PoolMember, SendingIP
ip = SendingIP.objects.create(node=Node.objects.get(name="north-1"), address="{ADDRESS}", ehlo_name="mta-19.north-1.platform.example")
Pool.objects.create(name="lonely")
PoolMember.objects.create(pool=Pool.objects.get(name="harbour"), ip=ip)
PoolMember.objects.create(pool=Pool.objects.get(name="lonely"), ip=ip)
print(ip.pk)
"""
LEAVE = f"""
from pools.models import Pool, SendingIP
SendingIP.objects.filter(address="{ADDRESS}").delete()
Pool.objects.filter(name="lonely").delete()
"""
PAGE = """
from django.test import Client
from mailplatform.tenants.models import User
client = Client(HTTP_HOST="127.0.0.1")
client.force_login(User.objects.get(email="operator@platform.example"), backend="allauth.account.auth_backends.AuthenticationBackend")
print(client.get("/warmups/").content.decode())
client.logout()
"""
LEASED = "SELECT 1 FROM delivery_iplease l JOIN pools_sendingip ip ON ip.id = l.ip_id WHERE host(ip.address) = %s"
GOOGLE = "SELECT w.stage, w.cap_per_day, w.id FROM warming_warmup w JOIN pools_provider p ON p.id = w.provider_id WHERE w.ip_id = %s AND p.key = 'google'"
STANDS = """
    SELECT w.state, w.stage, w.cap_per_day, w.attempted, w.delivered, w.deferred, w.blocked, w.verdict, p.warm_per_day, p.warm_per_hour, p.binds, p.limits_now
      FROM warming_warmup w JOIN pools_path p ON p.id = w.path_id JOIN pools_provider r ON r.id = w.provider_id WHERE w.ip_id = %s AND r.key = 'google'
"""
CAP = "SELECT warm_per_day FROM pools_path JOIN pools_provider p ON p.id = provider_id WHERE ip_id = %s AND p.key = %s"
MINE = "SELECT count(*) FILTER (WHERE ip_id = %s), count(*) FROM delivery_attempt WHERE id >= %s AND verdict = 'delivered'"
DAYS = "SELECT number, cap, attempted FROM warming_warmupday WHERE warmup_id = %s ORDER BY number"
BOUNCED = "SELECT count(*) FROM delivery_delivery WHERE id >= %s AND final = 'bounced'"
TO_POOL = """
    UPDATE pools_stream SET pool_id = (SELECT id FROM pools_pool WHERE name = %s)
     WHERE name = 'notification' AND tenant_id = (SELECT id FROM tenants_tenant WHERE name = 'harbour') RETURNING 1
"""


@pytest.fixture
def new_ip(platform: Platform) -> Iterator[int]:
    """Gone afterwards, and days are days again."""
    was = platform.rows("SELECT p.name FROM pools_stream s JOIN pools_pool p ON p.id = s.pool_id JOIN tenants_tenant t ON t.id = s.tenant_id "
                        "WHERE s.name = 'notification' AND t.name = 'harbour'")[0][0]  # fmt: skip
    days(platform, DAY_S)
    try:
        yield int(platform.manage("shell", "-v", "0", "-c", JOIN).split()[-1])
    finally:
        days(platform, 86_400)
        platform.rows(TO_POOL, was)
        platform.withdraw_everything()
        platform.rows("UPDATE pools_sendingip SET state = 'paused' WHERE host(address) = %s RETURNING 1", ADDRESS)
        wait_until(lambda: not platform.rows(LEASED, ADDRESS), 20, "its engine had let it go")
        platform.manage("shell", "-v", "0", "-c", LEAVE)


def days(platform: Platform, last_s: int) -> None:
    platform.rows("UPDATE warming_warmingpolicy SET day_s = %s RETURNING 1", last_s)


def submit(platform: Platform, stream: str, to: list[str]) -> str:
    """The first message's id."""
    messages = [{"from": platform.address(), "to": one, "subject": "Hello", "text": "Hello", "stream": stream} for one in to]
    status, answer = platform.client().post("/api/v1/messages/batch", {"messages": messages})
    assert status == 202, answer
    return str(answer["messages"][0]["id"])


def test_a_new_ip_warms_by_itself(platform: Platform, new_ip: int) -> None:
    assert platform.rows(CAP, new_ip, "google")[0][0], "its cap was there before its first message"
    wait_until(lambda: platform.rows(LEASED, ADDRESS), 20, "an engine had taken it")
    numbers = itertools.count()
    first = submit(platform, "transactional", ["fine@gmail.com"])

    def advanced() -> bool:
        submit(platform, "transactional", [f"fine{next(numbers)}@gmail.com" for _ in range(40)])
        return bool(platform.rows(GOOGLE, new_ip)[0][1] > 50)

    try:
        wait_until(advanced, 20, "it had advanced", every_s=0.3)
    except AssertionError as late:
        raise AssertionError(f"{late}; {platform.rows(STANDS, new_ip)}, {platform.rows(MINE, new_ip, UUID(first))}") from None
    _, cap, warmup = platform.rows(GOOGLE, new_ip)[0]
    assert cap > 50
    page = platform.manage("shell", "-v", "0", "-c", PAGE)
    assert ADDRESS in page and "Advances to" in page and "In this sandbox a day of a warm-up passes" in page
    wait_until(lambda: platform.queued() == 0, 20, "everything was sent")
    mine, all_ = platform.rows(MINE, new_ip, UUID(first))[0]
    assert 6 <= mine < all_, "its warm siblings took what was over"
    for number, day_cap, attempted in platform.rows(DAYS, warmup):
        assert attempted <= 2 * day_cap, (number, day_cap, attempted)  # a day of ours may see the end of one cap and the next whole

    assert platform.rows(BOUNCED, UUID(first)) == [(0,)], "nothing bounces for a cap"
