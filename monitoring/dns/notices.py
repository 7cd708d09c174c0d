"""What DNS failover has to say to people: one sentence a kind and set."""

from collections.abc import Sequence

from mailplatform.shell.formats import listed
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.dns.authority import Answer
from monitoring.dns.decide import Decision
from monitoring.dns.models import RecordSet

PAGE = "/dns/"  # by its address, as in endpoints.verdicts
ALL_DEAD, FOREIGN, TROUBLE, PROPOSAL, CHANGED = "dns_all_dead", "dns_edited", "dns_trouble", "dns_proposal", "dns_changed"


def all_dead(row: RecordSet, decision: Decision) -> None:
    sentence = f"{row}: {decision.why} Nothing that it points to answers: bring a target back, or add one that lives."
    raise_notice(ALL_DEAD, str(row), "critical", sentence, {"published": row.published}, PAGE)


def foreign(row: RecordSet, found: Sequence[Answer]) -> None:
    says = listed(found[0].values) if found and not found[0].error else "something else"
    sentence = f"{row} was edited by somebody else: it says {says}, we published {listed(row.published)}. It is left alone until a person decides."
    raise_notice(FOREIGN, str(row), "warning", sentence, {"found": says, "published": row.published}, PAGE)


def not_foreign(row: RecordSet) -> None:
    clear_notice(FOREIGN, str(row))


def trouble(row: RecordSet, sentence: str) -> None:
    raise_notice(TROUBLE, str(row), "critical", sentence, {}, PAGE)


def no_trouble(row: RecordSet) -> None:
    clear_notice(TROUBLE, str(row))


def proposal(row: RecordSet, decision: Decision) -> None:
    sentence = f"{row} should point to {listed(decision.wanted)}. {decision.why} It is set to propose: publish it with one click."
    raise_notice(PROPOSAL, str(row), "warning", sentence, {"wanted": decision.wanted}, PAGE)


RAISE = {ALL_DEAD: all_dead, PROPOSAL: proposal}
