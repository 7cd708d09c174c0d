"""Policy: how often is knocked and when is believed. One row; without it, what we recommend."""

from monitoring.endpoints.models import ProbePolicy
from monitoring.endpoints.vote import Rules


def policy_now() -> ProbePolicy:
    return ProbePolicy.objects.filter(pk=1).first() or ProbePolicy()


def install() -> None:
    """At a platform's start; an operator's changes stay."""
    ProbePolicy.objects.get_or_create(pk=1)


def rules_of(row: ProbePolicy) -> Rules:
    return Rules(
        every_s=row.every_ms / 1000,
        timeout_s=row.timeout_ms / 1000,
        down_after=row.down_after,
        up_after=row.up_after,
        recover_s=row.recover_s,
        longest_recover_s=row.longest_recover_s,
        flap_window_s=row.flap_window_s,
        fresh_s=row.fresh_ms / 1000,
    )
