"""DKIM keys of a domain: made, taken into use, replaced, forgotten.

Promises: private halves are encrypted before they are stored and never leave this module's rows; a new key waits until its record was seen in DNS,
and only then the former one of its algorithm stops signing; whose signatures may still be on their way keeps its record for KEPT_DAYS. Never
switches to a key that DNS does not have. Who dies in between leaves a key that waits: the next check goes on.
"""

import string
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import QuerySet

from delivery.sign.dkim import make_key
from mailplatform.shell.clock import now
from mailplatform.shell.secrets import encrypt
from mailplatform.tenants.models import DkimKey, SendingDomain

KEPT_DAYS = 7  # mail waits in others' queues for days, and is verified when it arrives (RFC 5321 §4.5.4.1: give up after 4 to 5 days)
FORGOTTEN_DAYS = 90
ALGORITHMS = (DkimKey.Algorithm.RSA, DkimKey.Algorithm.ED25519)


class KeyState(StrEnum):
    """The words that pages and answers use."""

    WAITING = "waiting for DNS"
    ACTIVE = "active"
    LEAVING = "leaving"  # signs no more; its record is still needed
    REMOVABLE = "removable"  # its record may go


class CannotRotate(Exception):
    """Why not, for people."""


def state_of(key: DkimKey, at: datetime) -> KeyState:
    if key.active:
        return KeyState.ACTIVE
    if key.retired_at is None:
        return KeyState.WAITING
    return KeyState.LEAVING if at < needed_until(key.retired_at) else KeyState.REMOVABLE


def needed_until(retired_at: datetime) -> datetime:
    return retired_at + timedelta(days=KEPT_DAYS)


def add_keys(domain: SendingDomain) -> list[DkimKey]:
    """A key of each algorithm that wait for their records. For a domain's beginning and for its rotation."""
    made = []
    with transaction.atomic():
        SendingDomain.objects.select_for_update().get(pk=domain.pk)
        waiting = set(waiting_keys(domain).values_list("algorithm", flat=True))
        for algorithm in ALGORITHMS:
            if algorithm not in waiting:
                private, public = make_key(algorithm)
                selector = _next_selector(domain, now())
                made.append(
                    DkimKey.objects.create(
                        domain=domain, selector=selector, algorithm=algorithm, private_encrypted=encrypt(private), public_record=public, active=False
                    )
                )
        if made:
            SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=now())
    return made


def rotate(domain: SendingDomain) -> list[DkimKey]:
    """New keys beside those that sign. Nothing changes for mail until their records are seen."""
    if not (made := add_keys(domain)):
        raise CannotRotate("New keys wait for their records already. Publish those, or drop them first.")
    return made


def drop_waiting(domain: SendingDomain) -> int:
    """Forget the keys that wait: nothing was ever signed with them. Gives how many."""
    return waiting_keys(domain).delete()[1].get("tenants.DkimKey", 0)


def activate(key_ids: list[int], at: datetime) -> list[DkimKey]:
    """Take waiting keys into use whose records were just seen; the former ones of their algorithm sign no more. The caller holds the domain's row."""
    changed = []
    for key in DkimKey.objects.filter(pk__in=key_ids, active=False, retired_at=None).defer("private_encrypted").order_by("created_at"):
        DkimKey.objects.filter(domain_id=key.domain_id, algorithm=key.algorithm, active=True).update(active=False, retired_at=at)
        DkimKey.objects.filter(pk=key.pk).update(active=True, activated_at=at, seen_at=at)
        changed.append(key)
    return changed


def waiting_keys(domain: SendingDomain) -> QuerySet[DkimKey]:
    return DkimKey.objects.filter(domain=domain, active=False, retired_at=None)


def forget_retired(at: datetime) -> int:
    """Rows of keys whose records have long been removable."""
    return DkimKey.objects.filter(active=False, retired_at__lt=at - timedelta(days=FORGOTTEN_DAYS)).delete()[0]


def _next_selector(domain: SendingDomain, at: datetime) -> str:
    """mp202611a, mp202611b, …: when it was made, and which of that month."""
    taken = set(DkimKey.objects.filter(domain=domain).values_list("selector", flat=True))
    month = f"mp{at:%Y%m}"
    letters = string.ascii_lowercase
    names = [month + letter for letter in letters] + [month + one + two for one in letters for two in letters]
    for name in names:
        if name not in taken:
            return name
    raise CannotRotate("This month has seen hundreds of keys; take the next one.")
