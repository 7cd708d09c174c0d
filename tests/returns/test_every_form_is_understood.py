"""Hundreds of bounces, reports and answers of machines in the forms of many systems: none is taken for what it is not."""

from collections import Counter

from delivery.returns.finding import Finding, Kind
from delivery.returns.meaning import meaning_of
from delivery.returns.read import read
from tests.classify.replies import book
from tests.returns.corpus import OURS, RCPT, Sample, form_names, samples

DOMAIN = OURS.rpartition("@")[2]
MOST_UNKNOWN = 0.02


def test_hundreds_of_samples_in_scores_of_forms() -> None:
    assert len(list(samples())) >= 300
    assert len(form_names()) >= 60
    assert len({sample.name for sample in samples()}) == len(list(samples())), "each has a name of its own"


def test_none_is_wrong() -> None:
    verdicts = {sample.name: _verdict(sample) for sample in samples()}
    counts = Counter(verdict.partition(":")[0] for verdict in verdicts.values())
    print(f"\n{len(verdicts)} samples of {len(form_names())} forms: {counts['right']} right, {counts['wrong']} wrong, {counts['unknown']} unknown")
    assert not [f"{name}: {verdict}" for name, verdict in verdicts.items() if verdict.startswith("wrong")]
    assert counts["unknown"] <= MOST_UNKNOWN * len(verdicts), [name for name, verdict in verdicts.items() if verdict == "unknown"]


def test_every_bounce_names_its_recipient() -> None:
    for sample in samples():
        if sample.kind == "bounce":
            told = read(sample.raw, DOMAIN).about(RCPT)
            assert RCPT in (told.recipient, told.original), (sample.name, told)


def _verdict(sample: Sample) -> str:
    """Right; unknown, when it says less than it could; wrong, when it says what is not so."""
    found = read(sample.raw, DOMAIN)
    told = found.about(RCPT)
    kind = told.kind if found.kind in (Kind.BOUNCE, Kind.DELAYED, Kind.RELAYED) else found.kind
    if kind != sample.kind:
        return "unknown" if kind is Kind.UNKNOWN else f"wrong: {kind} for {sample.kind} ({found.form})"
    if sample.kind == "bounce":
        return _meaning(sample, found)
    return "right" if found.feedback == sample.feedback else f"wrong: {found.feedback} for {sample.feedback}"


def _meaning(sample: Sample, found: Finding) -> str:
    meaning = meaning_of(found.about(RCPT), "", book())
    if (meaning.reason, meaning.hard) == (sample.reason, sample.hard):
        return "right"
    vague = meaning.reason in ("undetermined", "soft.unknown") and not meaning.hard
    return "unknown" if vague else f"wrong: {meaning.reason} hard={meaning.hard} for {sample.reason} {sample.hard} ({found.form}: {found.about(RCPT)})"
