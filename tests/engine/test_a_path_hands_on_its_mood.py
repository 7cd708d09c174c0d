"""A path's mood is kept when it changed enough, read by the next owner, and told to people beside what was learned."""

import time
from pathlib import Path as Folder

import pytest

from delivery.engine.path import Path
from delivery.engine.persist import pictures, save_paths
from delivery.engine.rivals import Rivals
from delivery.engine.score import Health
from delivery.engine.standing import mood_of, stand
from mailplatform.shell.clock import now
from pools.figures import path_rows
from pools.models import Path as PathRow
from pools.outcomes import Reason
from pools.providers.profile import Profile
from tests.engine.benches import IP, PROVIDER, Bench, claim
from tests.queue.house import House, connect, knows
from tests.smtp.hostile import Line, Peer

WALL = 1_800_000_000.0


def _refused(ip: int, provider: int, times: int = 20) -> Path:
    path = Path.new(ip, provider, Profile())
    for _ in range(times):
        path.mood.heard(Reason.RATE_IP, 100.0)
    return path


def _stand(*paths: Path, now_s: float = 100.0) -> None:
    stand(paths, Rivals(), Health(), now_s, WALL + now_s)


def test_a_small_change_is_not_worth_a_write() -> None:
    path = _refused(1, 1)
    _stand(path)
    assert path.changed and path.mood_kept
    path.changed = False
    path.mood.heard(Reason.RATE_IP, 101.0)
    _stand(path, now_s=101.0)
    assert not path.changed
    _stand(path, now_s=200.0)
    assert path.changed, "it has faded by more than half"
    path.changed = False
    _stand(path, now_s=2000.0)
    assert path.changed and path.mood_kept == {}, "and is forgotten in the end"


def test_a_path_without_a_mood_writes_nothing() -> None:
    path = Path.new(1, 1, Profile())
    _stand(path)
    assert not path.changed


async def test_a_provider_that_refuses_every_ip_is_not_asked_again_along_another(tmp_path: Folder) -> None:
    """It would only meet the same wall: the delivery waits instead of being rerouted."""
    bench = Bench(tmp_path, Peer(Line.stall))
    assert bench.hands.other_paths(claim(), IP) == 2
    for ip in (IP, 8):
        bench.hands.paths[ip, PROVIDER] = _refused(ip, PROVIDER)
        bench.hands.paths[ip, PROVIDER].mood.at_s = time.monotonic()
        bench.hands.paths[ip, PROVIDER].in_hand = 1
    bench.hands.look(bench.hands.world)
    assert bench.hands.moods[PROVIDER].reason == Reason.RATE_IP
    assert bench.hands.other_paths(claim(), IP) == 0
    await bench.hands.let_go()


@pytest.mark.django_db(transaction=True)
def test_the_next_owner_and_people_read_it() -> None:
    house, provider = House.build(), knows("gmail.com")
    paths = [_refused(ip.id, provider.id) for ip in house.ips]
    _stand(*paths)
    with connect() as raw:
        save_paths(raw, 7, pictures(paths, time.monotonic(), lambda _: now()))
    row = PathRow.objects.get(ip=house.ips[0])
    heard = mood_of(row.learned, 7.0, WALL + 100.0)
    assert heard.reason == Reason.RATE_IP and heard.refused_now(7.0) > 0.9
    assert "every sending IP hears the same: it is the provider" in path_rows(provider=provider)[0].learned
