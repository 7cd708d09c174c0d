"""Loading the shipped catalogue: idempotent, and respectful of what operators changed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from pools.models import Provider, ResponseRule
from pools.providers import load, shipped
from pools.providers.load import load_catalogue, restore_rule
from pools.providers.profile import Profile, profile_of

pytestmark = pytest.mark.django_db


def everything() -> list[object]:
    return [*Provider.objects.order_by("id").values(), *ResponseRule.objects.order_by("id").values()]


def test_loading_twice_changes_nothing() -> None:
    call_command("load_catalogue", verbosity=0)
    once = everything()
    load_catalogue()
    assert everything() == once
    assert Provider.objects.count() == len(shipped.providers())
    assert ResponseRule.objects.count() == len(shipped.rules())


def test_overrides_and_edited_rules_survive_an_upgrade() -> None:
    load_catalogue()
    Provider.objects.filter(key="google").update(overrides={"connections": 2}, facts={})
    ResponseRule.objects.filter(id="g-ptr").update(edited=True, pattern="mine", enabled=False)
    ResponseRule.objects.filter(id="g-spf").update(pattern="theirs")
    loaded = load_catalogue()
    google = Provider.objects.get(key="google")
    assert google.overrides == {"connections": 2} and google.facts["limits"]
    mine = ResponseRule.objects.get(id="g-ptr")
    assert (mine.pattern, mine.enabled, loaded.kept) == ("mine", False, 1)
    assert ResponseRule.objects.get(id="g-spf").pattern != "theirs"


def test_a_rule_that_is_no_longer_shipped_is_disabled_unless_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    load_catalogue()
    ResponseRule.objects.filter(id="g-ptr").update(edited=True)
    fewer = tuple(rule for rule in shipped.rules() if rule.id not in ("g-ptr", "g-spf"))
    monkeypatch.setattr(load, "shipped", SimpleNamespace(rules=lambda: fewer, providers=shipped.providers, SITE=shipped.SITE))
    assert load_catalogue().retired == 1
    assert not ResponseRule.objects.get(id="g-spf").enabled
    assert ResponseRule.objects.get(id="g-ptr").enabled
    monkeypatch.undo()
    load_catalogue()
    assert ResponseRule.objects.get(id="g-spf").enabled


def test_a_provider_that_is_no_longer_shipped_takes_no_more_domains_and_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    load_catalogue()
    own = Provider.objects.create(key="own", name="Own", mx_suffixes=["own.example"])
    fewer = [entry for entry in shipped.providers() if entry["key"] != "kpn"]
    monkeypatch.setattr(load, "shipped", SimpleNamespace(rules=shipped.rules, providers=lambda: fewer, SITE=shipped.SITE))
    load_catalogue()
    assert Provider.objects.get(key="kpn").mx_suffixes == []
    own.refresh_from_db()
    assert own.mx_suffixes == ["own.example"]


def test_the_shipped_form_of_a_rule_can_be_restored() -> None:
    load_catalogue()
    rule = ResponseRule.objects.get(id="g-ptr")
    rule.pattern, rule.edited, rule.enabled = "mine", True, False
    rule.save()
    assert restore_rule(rule)
    rule.refresh_from_db()
    assert not rule.edited and rule.enabled and "PTR" in rule.pattern
    assert not restore_rule(ResponseRule(id="nobodys", pattern="x", position=1))


def test_profiles_come_from_facts_then_overrides_and_the_tail_has_the_defaults() -> None:
    load_catalogue()
    default, google = Provider.objects.get(key="default"), Provider.objects.get(key="google")
    assert profile_of(default, default) == replace(Profile(), per_second=100)
    shipped_profile = profile_of(google, default)
    assert (shipped_profile.connections, shipped_profile.messages_per_connection, shipped_profile.failures_before_delay) == (5, 50, 5)
    google.overrides = {"connections": 3, "per_minute": 60, "per_hour": None, "tls_mode": "verified"}
    mine = profile_of(google, default)
    assert (mine.connections, mine.per_minute, mine.tls_mode, mine.messages_per_connection) == (3, 60, "verified", 50)
    assert profile_of(Provider(key="mx:example.com", name="x", is_tail=True), default) == profile_of(default, default)


def test_prose_and_hard_caps_in_the_facts_are_understood() -> None:
    load_catalogue()
    rows = {row.key: row for row in Provider.objects.all()}
    default = rows["default"]
    assert profile_of(rows["yahoo_japan"], default).per_second == 10
    assert profile_of(rows["orange_fr"], default).connections_per_minute == 16  # 1000 an hour
    assert profile_of(rows["qq"], default).per_second == 100  # its own figures are prose
    rows["microsoft_consumer"].overrides = {"connections": 9999}
    assert profile_of(rows["microsoft_consumer"], default).connections == 500
    for row in rows.values():
        assert profile_of(row, default).tls_mode == "required"  # whatever others do
