"""VERP addresses: round trip, and no forgery passes."""

import hmac
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from delivery.sign.returnpath import read_return_path, return_path

SECRET = b"k" * 32
DOMAIN = "bounces.platform.example"


@given(st.uuids(), st.binary(min_size=16, max_size=32))
def test_the_address_leads_back_to_its_delivery(delivery: UUID, secret: bytes) -> None:
    address = return_path(delivery, secret, DOMAIN)
    assert len(address.split("@")[0]) <= 64
    assert read_return_path(address, secret, DOMAIN) == delivery
    assert read_return_path(f"<{address.upper()}>", secret, DOMAIN) == delivery


@given(st.uuids(), st.integers(0, 44), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-"))
def test_one_changed_character_is_enough_to_be_refused(delivery: UUID, place: int, letter: str) -> None:
    local, _, host = return_path(delivery, SECRET, DOMAIN).partition("@")
    forged = local[:place] + letter + local[place + 1 :]
    expected = delivery if forged == local else None
    assert read_return_path(f"{forged}@{host}", SECRET, DOMAIN) == expected


@given(st.uuids())
def test_another_secret_or_another_domain_reads_nothing(delivery: UUID) -> None:
    address = return_path(delivery, SECRET, DOMAIN)
    assert read_return_path(address, b"other" * 5, DOMAIN) is None
    assert read_return_path(address, SECRET, "bounces.other.example") is None


@given(st.text(max_size=80) | st.text(st.sampled_from("b-a7@.\x00<>é"), max_size=80))
def test_reading_never_raises(address: str) -> None:
    assert read_return_path(address, SECRET, DOMAIN) is None
    assert read_return_path(f"b-{address}@{DOMAIN}", SECRET, DOMAIN) is None


@given(st.uuids(), st.binary(min_size=1, max_size=200))
def test_its_proof_is_the_standard_librarys_hmac(delivery: UUID, secret: bytes) -> None:
    proof = hmac.digest(secret, b"return-path:" + delivery.bytes, "sha256")[:10].hex()
    assert return_path(delivery, secret, DOMAIN) == f"b-{delivery.hex}-{proof}@{DOMAIN}"
