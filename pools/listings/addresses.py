"""Names of sending IPs: the PTR record, the way back, and whether it is what the IP says in EHLO.

Pure but for the asker. Large providers refuse or defer mail from addresses whose name does not lead back (Gmail 4.7.23/5.7.25, Yahoo, Comcast 554,
Orange 107). Promises: what could not be asked is unknown, never failing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mailplatform.shell.ask import Ask, reverse_name
from pools.listings.models import AddressCheck

MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Address:
    ip_id: int
    address: str
    ehlo_name: str


@dataclass(frozen=True, slots=True)
class Named:
    """What was found."""

    ip_id: int
    state: AddressCheck.State
    found: tuple[str, ...]
    sentence: str


async def look_at_names(addresses: Sequence[Address], ask: Ask) -> tuple[Named, ...]:
    return tuple(await asyncio.gather(*(look_at(one, ask) for one in addresses)))


async def look_at(one: Address, ask: Ask) -> Named:
    """PTR, then the addresses of each name that it gives."""
    reverse = await ask(reverse_name(one.address), "PTR")
    if reverse.failed:
        return _unknown(one, (), f"The name of {one.address} could not be asked for: {reverse.why}.")
    names = tuple(name[:253].replace("\x00", "") for name in reverse.rows[:MOST_NAMES])
    if not names:
        return _failing(one, (), f"{one.address} has no PTR record. It should be {one.ehlo_name}.")
    kind = "AAAA" if ":" in one.address else "A"
    back = await asyncio.gather(*(ask(name, kind) for name in names))
    confirmed = [name for name, answer in zip(names, back, strict=True) if one.address in answer.rows]
    if one.ehlo_name.lower().rstrip(".") in confirmed:
        return Named(one.ip_id, AddressCheck.State.OK, names, f"{one.address} is {one.ehlo_name}, and that is {one.address}.")
    if failed := next((answer for answer in back if answer.failed), None):
        return _unknown(one, names, f"Where {names[0]} leads could not be asked: {failed.why}.")
    if not confirmed:
        return _failing(one, names, f"{one.address} is {names[0]} by its PTR record, and that name does not lead back to it.")
    return _failing(one, names, f"{one.address} says {one.ehlo_name} in EHLO, and its name is {confirmed[0]}: they should be one.")


def _failing(one: Address, names: tuple[str, ...], sentence: str) -> Named:
    return Named(one.ip_id, AddressCheck.State.FAILING, names, sentence)


def _unknown(one: Address, names: tuple[str, ...], sentence: str) -> Named:
    return Named(one.ip_id, AddressCheck.State.UNKNOWN, names, sentence)
