"""The history of listings and grades is bounded by the policy; what a list says now is kept however old it is."""

from datetime import timedelta

import pytest

from mailplatform.shell.clock import now
from pools.jobs import forget_history
from pools.listings.models import Listing, ListingPolicy, ProviderGrade
from pools.listings.zones import policy_now
from pools.models import Node, SendingIP, Zone


@pytest.mark.django_db
def test_listings_that_are_over_and_old_grades_go_when_their_time_is_over() -> None:
    policy = policy_now()
    policy.history_days = 30
    policy.save()
    assert ListingPolicy.objects.get().history_days == 30
    node = Node.objects.create(zone=Zone.objects.create(name="north"), name="north-1")
    ip, at = SendingIP.objects.create(node=node, address="127.10.1.1", ehlo_name="mta-1.example"), now()

    def listed(zone: str, over_for: timedelta | None) -> None:
        Listing.objects.create(
            ip=ip, zone=zone, severity="critical", said="critical", listed_since=at - timedelta(days=90), last_seen_at=at,
            cleared_at=None if over_for is None else at - over_for,
        )  # fmt: skip

    listed("old.example", timedelta(days=31))
    listed("recent.example", timedelta(days=29))
    listed("now.example", None)
    for days in (5, 40):
        ProviderGrade.objects.create(
            source="snds", provider="outlook", ip=ip, subject="127.10.1.1", day=(at - timedelta(days=days)).date(), grade="good", file="f", imported_by="me",
            imported_at=at,
        )  # fmt: skip
    assert forget_history() == "2 rows forgotten"
    assert set(Listing.objects.values_list("zone", flat=True)) == {"recent.example", "now.example"}
    assert ProviderGrade.objects.count() == 1
