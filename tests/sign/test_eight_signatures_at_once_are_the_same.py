"""Eight at once: each signature is the one that `cryptography` makes, a wrong one is never given away, and without all this mail is signed as before."""

import ctypes
import shutil
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from delivery.sign import apart, loading
from delivery.sign.dkim import ED25519, RSA, Draft, Signer, body_hash, make_key, signed_lines
from delivery.sign.eight import FEWEST, LANES, Eight
from delivery.sign.keyring import sign_message

HEAD = b"From: a@harbour.example\r\nSubject: %d\r\n"
BODY = body_hash(b"Hello\r\n")


def _signer(algorithm: str = RSA) -> Signer:
    return Signer("harbour.example", "s", algorithm, make_key(algorithm)[0])


def _other_rsa(bits: int, exponent: int) -> Signer:
    key = rsa.generate_private_key(exponent, bits)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Signer("harbour.example", "s", RSA, pem)


def _drafts(signers: list[Signer], count: int) -> list[Draft]:
    return [signers[number % len(signers)].draft(*signed_lines(HEAD % number), BODY, number) for number in range(count)]


def _fields(signers: list[Signer], count: int) -> list[bytes]:
    return [signers[number % len(signers)].sign(HEAD % number, BODY, number) for number in range(count)]


@pytest.fixture
def eight() -> Eight:
    if (found := Eight.here()) is None:
        assert "avx512ifma" not in Path("/proc/cpuinfo").read_text(), "this processor can, and yet it does not"
        pytest.skip("this processor has no AVX-512 IFMA")
    return found


@pytest.fixture(scope="module")
def signers() -> list[Signer]:
    return [_signer() for _ in range(3)]


def test_any_number_of_messages_under_several_keys_is_signed_alike(eight: Eight, signers: list[Signer]) -> None:
    assert all(eight.learn(signer) for signer in signers)
    for count in range(3 * LANES):
        drafts = _drafts(signers, count)
        eight.sign(drafts)
        assert [draft.whole() for draft in drafts] == _fields(signers, count)


def test_it_makes_them_itself_where_that_is_quicker(eight: Eight, signers: list[Signer], monkeypatch: pytest.MonkeyPatch) -> None:
    eight.learn(signers[0])
    monkeypatch.setattr(Signer, "signature", lambda *_: b"by itself")
    for count, by_itself in ((FEWEST - 1, FEWEST - 1), (FEWEST, 0), (LANES, 0), (LANES + 1, 1), (LANES + FEWEST, 0)):
        drafts = _drafts(signers[:1], count)
        eight.sign(drafts)
        assert sum(b"YnkgaXRzZWxm" in draft.whole() for draft in drafts) == by_itself


def test_keys_of_other_kinds_sign_by_themselves(eight: Eight, signers: list[Signer]) -> None:
    others = [_signer(ED25519), _other_rsa(3072, 65537), _other_rsa(2048, 3)]
    assert [eight.learn(signer) for signer in (*others, signers[0])] == [False, False, False, True]
    mixed = [*others, signers[0]]
    drafts = _drafts(mixed, 4 * LANES)
    eight.sign(drafts)
    assert [draft.whole() for draft in drafts] == _fields(mixed, 4 * LANES)


@pytest.mark.parametrize("part", range(5))
def test_a_signature_that_went_wrong_is_not_given_away(eight: Eight, signers: list[Signer], part: int) -> None:
    """One bit of what the key is made of is another: half of such a signature would tell the key's prime."""
    for signer in signers:
        assert eight.learn(signer)
    ctypes.memmove(eight._keys[id(signers[1])].parts[part] + 7, b"\xa5", 1)
    drafts = _drafts(signers, LANES)
    eight.sign(drafts)
    assert [bool(draft._signature) for draft in drafts] == [number % 3 != 1 for number in range(LANES)]
    assert [draft.whole() for draft in drafts] == _fields(signers, LANES)
    assert not eight.learn(_with_another_prime(signers[0])), "a key whose signatures are not cryptography's"


def _with_another_prime(signer: Signer) -> Signer:
    """It signs as itself, and says that its parts are another's."""

    class Liar(Signer):
        def signature(self, signed: bytes) -> bytes:
            return signer.signature(signed)

    return Liar("harbour.example", "s", RSA, make_key(RSA)[0])


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF\x02\x01" + bytes(58), b"no library at all" * 10, "whole, but for its second half"])
def test_without_a_library_that_can_be_loaded_mail_is_signed_all_the_same(content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    at = tmp_path / "lib" / "libcrypto_mb.so"
    if isinstance(content, str):
        shutil.copy(Path(sys.prefix) / "lib" / at.name, at)
        at.write_bytes(at.read_bytes()[: at.stat().st_size // 2])
    elif content is not None:
        at.write_bytes(content)
    monkeypatch.setattr(loading.sys, "prefix", str(tmp_path))
    assert Eight.here() is None
    _signs_with_a_desk()


def test_a_desk_signs_what_it_can_of_what_came_together() -> None:
    _signs_with_a_desk()


def _signs_with_a_desk() -> None:
    signers = [_signer(), _signer(ED25519)]
    desk = apart._Desk()
    keys = [apart.key_frame(number, signer)[4:] for number, signer in enumerate(signers)]
    messages = [apart.message_frame([0, 7] if number == 3 else [0, 1], HEAD % number, BODY, number)[4:] for number in range(12)]
    answers = [apart.answer_of(frame) for frame in apart.Frames().feed(desk.answers([*keys, *messages[:8]]) + desk.answers(messages[8:]))]
    for number, answer in enumerate(answers):
        if number == 3:
            assert isinstance(answer, ValueError)
        else:
            assert answer == sign_message(signers, HEAD % number, BODY, number)
    assert len(answers) == 12
