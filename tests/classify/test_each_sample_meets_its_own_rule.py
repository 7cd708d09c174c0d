"""Every shipped rule's sample replies match it and no earlier rule of its provider."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.classify.needles import needles
from delivery.classify.rulebook import action_of
from pools.outcomes import Reason
from pools.providers import shipped
from tests.classify.replies import book, reply

RULES = shipped.rules()


def _key(group: str) -> str:
    return {"microsoft": "microsoft_365"}.get(group, group) or "mx:example.com"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_sample_meets_its_own_rule_first(rule: shipped.ShippedRule) -> None:
    assert rule.samples
    for sample in rule.samples:
        for text in (sample, reply(sample).text):
            found = book().match(text, _key(rule.provider_group)) or book().by_code(text)
            assert found is not None and found.id == rule.id, f"{text!r} met {found and found.id}"


SOME_TEXT = st.text(max_size=60) | st.sampled_from([sample for rule in RULES for sample in rule.samples])
TEXTS = st.lists(SOME_TEXT, min_size=1, max_size=3).map(" ".join) | st.lists(SOME_TEXT, min_size=1, max_size=2).map(lambda parts: "".join(parts).upper())
KEYS = st.sampled_from([_key(group) for group in sorted({rule.provider_group for rule in RULES})])


@settings(max_examples=300)
@given(text=TEXTS, key=KEYS)
def test_needles_never_change_which_rule_is_met(text: str, key: str) -> None:
    group = shipped.group_of(key)
    ordered = [rule for rule in RULES if rule.provider_group == group] + [rule for rule in RULES if not rule.provider_group and rule.confidence != "fallback"]
    slowly = next((rule.id for rule in ordered if re.search(rule.pattern, text, re.IGNORECASE)), None)
    found = book().match(text, key)
    assert (found.id if found else None) == slowly


def test_most_rules_have_needles() -> None:
    assert sum(needles(rule.pattern) is not None for rule in RULES) > 0.7 * len(RULES)


def test_every_rule_speaks_our_words() -> None:
    for rule in RULES:
        assert Reason(rule.reason)
        assert rule.disposition in ("retry", "bounce", "suppress")
        action_of(rule.action)


def test_every_group_has_a_provider_and_a_source() -> None:
    keys = {shipped.group_of(entry["key"]) for entry in shipped.providers()}
    for rule in RULES:
        assert not rule.provider_group or rule.provider_group in keys, rule.id
        assert rule.source and rule.confidence


def test_microsofts_rules_hold_for_both_of_its_halves() -> None:
    for key in ("microsoft_consumer", "microsoft_365"):
        found = book().match("421 RP-001 rate limit", key)
        assert found is not None and found.id == "m-rp001"


def test_a_region_of_a_provider_keeps_its_rules() -> None:
    found = book().match("451 IP temporarily blacklisted", "mimecast@eu")
    assert found is not None and found.id == "mi-ipbl"


def test_shipped_data_names_no_missing_figures_as_numbers() -> None:
    for entry in shipped.providers():
        for name, fact in entry["limits"].items():
            assert {"value", "source", "confidence"} <= set(fact), (entry["key"], name, json.dumps(fact))
