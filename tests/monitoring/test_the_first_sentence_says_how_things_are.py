"""The sentence alone: situations in, words out."""

from dataclasses import replace

import pytest

from monitoring.sentence import second_line, sentence
from monitoring.situation import ProviderNow, Situation

WELL = Situation(
    per_s=3.2, first_try=0.971, engines=2, engines_wanted=2, zones=2, zones_watched=2, queued=12, oldest_transactional_s=None,
    providers=(ProviderNow("Gmail", 300, 297, 3), ProviderNow("Outlook.com", 100, 99, 1)),
)  # fmt: skip
SLOW = ProviderNow("Outlook.com", 1000, 916, 84)
DEAD = ProviderNow("GMX", 40, 0, 40)


@pytest.mark.parametrize(
    ("situation", "state", "words"),
    [
        (WELL, "good", "Mail flows well: 3.2 a second, 97.1\u00a0% of it at the first try."),
        (replace(WELL, per_s=0, queued=0), "good", "Nothing is being sent at the moment; everything is ready."),
        (replace(WELL, engines=0), "broken", "No mail leaves: no engine runs. 12\u00a0deliveries wait; nothing is lost."),
        (replace(WELL, engines=1), "limited", "Mail flows with 1 of 2\u00a0engines; one is being started."),
        (replace(WELL, zones_watched=1), "limited", "Mail flows, but 1\u00a0zone has no watcher: a node that dies there is found late."),
        (replace(WELL, oldest_transactional_s=200.0), "broken", "Transactional mail is late: the oldest has waited 3\u00a0min, 60\u00a0s is the limit."),
        (replace(WELL, providers=(SLOW,)), "good", "Mail flows well. Only Outlook.com is slow, with 8.4\u00a0% of attempts deferred."),
        (
            replace(WELL, providers=(SLOW, replace(SLOW, name="GMX"))),
            "limited",
            "Mail flows, slowly at Outlook.com and GMX; Outlook.com defers 8.4\u00a0% of attempts.",
        ),
        (replace(WELL, providers=(*WELL.providers, DEAD)), "broken", "Nothing reaches GMX. Other mail flows."),
        (replace(WELL, providers=(DEAD,)), "broken", "Nothing reaches GMX. Nothing is delivered anywhere else."),
        (replace(WELL, critical=1), "limited", "Mail flows, and 1\u00a0thing needs a person now."),
    ],
)
def test_each_situation_has_its_sentence(situation: Situation, state: str, words: str) -> None:
    said = sentence(situation)
    assert (said.state, said.words) == (state, words)


def test_the_worst_comes_first() -> None:
    assert sentence(replace(WELL, engines=0, oldest_transactional_s=999.0, critical=4)).words.startswith("No mail leaves")


def test_a_few_full_mailboxes_make_no_provider_slow() -> None:
    assert ProviderNow("Yahoo", 40, 36, 4).state == "good"


def test_a_handful_of_attempts_makes_no_provider_broken() -> None:
    assert ProviderNow("tiny.example", 3, 0, 3).state == "good"


def test_what_may_have_gone_twice_is_never_hidden() -> None:
    assert "none went twice" in second_line(replace(WELL, given_back=212))
    assert "2\u00a0may have gone twice" in second_line(replace(WELL, given_back=212, went_twice=2))
