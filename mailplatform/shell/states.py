"""Five looks for every word about a state, so that colour and shape mean the same on every page.

A word keeps its own text (*quarantined*, *deferred*) and takes one of the five looks. A word that is not listed looks stopped: quiet,
and plain to see in a test.
"""

from enum import StrEnum


class Look(StrEnum):
    GOOD = "good"
    WORKING = "working"
    LIMITED = "limited"
    STOPPED = "stopped"
    BROKEN = "broken"


_WORDS = {
    Look.GOOD: "good open active delivered told won accepted verified done enabled released passed",
    Look.WORKING: "working warming probation returning running queued sending scheduled sorting info draining sorted claimed retried moving",
    Look.LIMITED: "limited deferred backing full rerouted suspected warning unknown waiting unverified greylisted slower rate hour day sticky slow overdue",
    Look.STOPPED: "stopped quarantined paused drained evacuated held avoided cancelled suppressed suspended expired disabled aborted skipped",
    Look.BROKEN: "broken refused dead bounced failed frozen critical lapsed circuit gone stuck unreachable lost missed interrupted",
}
LOOKS: dict[str, Look] = {word: look for look, words in _WORDS.items() for word in words.split()}


def look_of(word: str) -> Look:
    """The look of a state's word."""
    return LOOKS.get(str(word).lower().split(",")[0].split(" ")[0], Look.STOPPED)
