"""MTA-STS and DANE, from the DNS to the message's page: who proves itself gets the mail, who does not makes it wait, and the attempt says how."""

from typing import Any
from uuid import UUID

import pytest

from mailplatform.shell.ids import attempt_id
from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("mtasts.test", "mta-sts"),
        ("mtaststesting.test", "unverified"),  # its certificate is not valid: told in the log, delivered all the same
        ("mtastsgone.test", "unverified"),  # the policy cannot be had, and none was known before
        ("dane.test", "dane"),
        ("daneta.test", "dane"),
        ("daneunusable.test", "unverified"),
        ("danests.test", "dane"),  # DANE wins over a policy that names another host
    ],
)
def test_mail_goes_to_who_proves_itself(platform: Platform, place: str, how: str) -> None:
    domain = f"{fresh()}.{place}"

    def goes_by_its_word() -> bool:
        delivery = platform.until(platform.send(f"hello@{domain}"), "delivered")
        tls = tls_of(platform, delivery)
        assert tls.startswith("TLSv1.3 TLS_")
        return tls.endswith(f" {how}")

    wait_until(goes_by_its_word, 40, f"it went by {how}", every_s=0.5)  # at once, but where its policy was too slow for the first mail


@pytest.mark.parametrize(
    ("place", "reason", "words"),
    [
        ("mtastscert.test", "tls.certificate", "self-signed"),
        ("mtastsother.test", "tls.mta_sts", "does not name mx1."),
        ("danewrong.test", "tls.dane", "none that its TLSA records name"),
        ("danebogus.test", "tls.dane", "cannot be had, or are bogus"),
    ],
)
def test_mail_waits_for_who_does_not(platform: Platform, place: str, reason: str, words: str) -> None:
    domain, seen = f"{fresh()}.{place}", []

    def waits() -> bool:
        message = platform.send(f"hello@{domain}")
        wait_until(lambda: platform.delivery(message)["state"] in ("deferred", "delivered"), 30, "it was tried")
        seen.append(platform.delivery(message))
        return bool(seen[-1]["state"] == "deferred")

    wait_until(waits, 40, "it had to wait", every_s=0.5)
    attempt = seen[-1]["attempts"][0]
    assert (attempt["reason"], attempt["fault"], attempt["phase"]) == (reason, "destination", "starttls")
    assert words in attempt["reply"]
    assert platform.arrived(seen[-1]["id"]) == []


def test_a_policy_that_is_slow_to_come_keeps_the_first_mail_waiting_for_five_seconds_at_most(platform: Platform) -> None:
    message = platform.send(f"hello@{fresh()}.mtastssilent.test")
    other = platform.send(f"hello@{fresh()}.postfix.test")
    platform.until(other, "delivered", within_s=4)  # nobody else waits with it
    delivery = platform.until(message, "delivered", within_s=15)
    assert tls_of(platform, delivery).endswith(" unverified")


def test_an_engine_that_found_broken_tls_tells_the_others_and_nobody_tries_for_a_while(platform: Platform) -> None:
    """Later mail is not a reason to try again; it is due when somebody does."""
    domain = f"{fresh()}.badtls.test"
    platform.until(platform.send(f"first@{domain}"), "deferred", attempts=1)
    wait_until(lambda: platform.rows(TRIED, f"mx1.{domain}") == [("tls_handshake",)], 10, "all engines could know it")

    def waits_unasked() -> bool:
        later = platform.until(platform.send(f"later@{domain}"), "deferred", attempts=1)
        return "the next connection comes in" in later["attempts"][0]["reply"]

    wait_until(waits_unasked, 20, "nobody asked again")
    dues = platform.rows("SELECT due_at > platform_now() + interval '11 s' FROM delivery_waiting WHERE why = 'retry' AND scope = %s", f"tls:{domain}")
    assert (True,) in dues  # without it transactional mail would be tried again after ten seconds
    asked = platform.rows("SELECT count(*) FROM delivery_attempt WHERE mx_host = %s AND reply NOT LIKE '%%next connection%%'", f"mx1.{domain}")
    assert asked[0][0] <= 4  # one by each engine, and what time itself has brought


def tls_of(platform: Platform, delivery: dict[str, Any]) -> str:
    """Of its last attempt."""
    [(tls,)] = platform.rows("SELECT tls FROM delivery_attempt WHERE id = %s", attempt_id(UUID(delivery["id"]), len(delivery["attempts"])))
    return str(tls)


TRIED = "SELECT failure FROM delivery_brokentls WHERE host = %s"
