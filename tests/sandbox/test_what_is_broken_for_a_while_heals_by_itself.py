"""A bounded break: the sandbox heals it itself, whoever asked for it may have died meanwhile; a later order is not undone by an earlier bound."""

from mailplatform.sandbox.aside import Aside

from .correspondent import deliver, eventually, get, post

BROKEN = {"action": "break", "ip": "127.10.1.1", "provider": "gmail"}


def broken(world: Aside) -> dict[str, str]:
    return dict(get(world, "/api/state")["providers"]["gmail"]["broken"])


def test_it_heals_when_its_time_is_over(world: Aside) -> None:
    post(world, {**BROKEN, "for_s": 0.5})
    assert deliver(world, "anna@gmail.com")[0] == 550
    eventually(lambda: not broken(world))
    assert deliver(world, "anna@gmail.com")[0] == 250


def test_an_earlier_bound_does_not_heal_what_was_broken_later(world: Aside) -> None:
    post(world, {**BROKEN, "for_s": 0.3})
    post(world, {"action": "heal", "ip": "127.10.1.1", "provider": "gmail"})
    post(world, {**BROKEN, "mode": "defer"})
    post(world, {**BROKEN, "ip": "127.10.1.2", "for_s": 0.5})
    eventually(lambda: "127.10.1.2" not in broken(world))  # so the first bound has passed, too
    assert broken(world) == {"127.10.1.1": "defer"}


def test_a_bound_that_cannot_be_is_refused(world: Aside) -> None:
    assert post(world, {**BROKEN, "for_s": -1})[0] == 400
    assert broken(world) == {}
