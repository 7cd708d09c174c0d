"""Facts: what an answer says against our address is counted on its path and kept by campaign, once; what blames others is not."""

from dataclasses import replace

import pytest

from delivery.queue.settled import Settled
from pools.outcomes import Fault, Reason, fault_of
from pools.reputation.facts import Against, against
from tests.queue.house import House, engine, knows, rows
from tests.queue.test_what_became_of_a_delivery_is_recorded_once import claimed, keep, settled

POOR = "554 5.7.1 Client host rejected due to poor reputation"


@pytest.mark.parametrize(
    ("reason", "code", "phase", "reply", "said"),
    [
        (Reason.BLOCK_IP_REPUTATION, 550, "rcpt", POOR, Against.BLOCKED),
        (Reason.BLOCK_IP_REPUTATION, 421, "body", "421-4.7.0 very low reputation of the sending IP address", Against.DEFERRED),
        (Reason.BLOCK_TEMPORARY, 554, "body", "554 IB110", Against.DEFERRED),
        (Reason.BLOCK_DNSBL, 554, "rcpt", "554 blocked using zen.spamhaus.org", Against.BLOCKED | Against.NAMED),
        (Reason.BLOCK_POLICY, 554, "banner", "554 go away", Against.BLOCKED | Against.NAMED),
        (Reason.RATE_IP, 451, "mail", "451 4.7.650 temporarily rate limited due to IP reputation (S843)", Against.DEFERRED),
        (Reason.RATE_IP, 451, "mail", "451 4.7.500 Server busy", Against.NOTHING),
        (Reason.RATE_COMPLAINTS, 421, "mail", "421 4.7.0 [TSS05] temporarily deferred", Against.DEFERRED),
        (Reason.BLOCK_DOMAIN_REPUTATION, 550, "body", "550 your domain's reputation", Against.NOTHING),
        (Reason.BLOCK_SENDER, 550, "mail", "550 sender blocked", Against.NOTHING),
        (Reason.BLOCK_DNSBL_DEAD, 454, "rcpt", "454 blocked using dnsbl.sorbs.net", Against.NOTHING),
        (Reason.CONTENT_SPAM, 554, "body", "554 spam", Against.NOTHING),
        (Reason.NETWORK_NO_ANSWER, None, "connect", "", Against.NOTHING),
    ],
)
def test_only_what_blames_our_address_counts_against_it(reason: Reason, code: int | None, phase: str, reply: str, said: Against) -> None:
    assert against(reason, fault_of(reason), code, phase, reply) == said


def _refused(house: House, claim: object, number: int, reply: str = POOR) -> Settled:
    one = settled(house, claim, number, "rerouted")  # type: ignore[arg-type]
    attempt = replace(one.attempt, reason=Reason.BLOCK_IP_REPUTATION, fault=Fault.INFRASTRUCTURE, phase="rcpt", code=554, reply=reply, rule="x-poor-rep")
    return replace(one, attempt=attempt, reroute=True, avoid_ip_ids=(attempt.ip_id,))


@pytest.mark.django_db(transaction=True)
def test_refusals_are_kept_by_campaign_with_a_reply_and_counted_once() -> None:
    house, provider = House.build(), knows("gmail.com")
    house.put(*(house.message(f"{n}@gmail.com", fingerprint=7 if n < 3 else 8) for n in range(4)), house.message("good@gmail.com"))
    with engine(house) as number:
        claims = sorted(claimed(house, provider.id, number), key=lambda claim: claim.recipient)
        batch = [*(_refused(house, claim, number) for claim in claims if claim.recipient != "good@gmail.com"), settled(house, claims[-1], number)]
        keep(number, *batch)
        kept = rows("SELECT fingerprint, blocked, deferred, named, reason, rule, reply, tenant_id FROM pools_blockevidence ORDER BY 1")
        assert kept == [(f, n, 0, 0, "block.ip_reputation", "x-poor-rep", POOR, house.tenant.id) for f, n in ((7, 3), (8, 1))]
        assert rows("SELECT attempted, delivered, blocked, blocked_named, deferred_reputation FROM pools_pathminute") == [(5, 1, 4, 0, 0)]
        assert rows("SELECT pool_id, ip_id, attempted, delivered FROM pools_poolminute") == [(house.pool.id, house.ips[0].id, 5, 1)]
        keep(number, *batch)
        assert rows("SELECT sum(blocked)::int FROM pools_blockevidence") == [(4,)], "a journal's replay counts nothing twice"
        assert rows("SELECT attempted FROM pools_poolminute") == [(5,)]
