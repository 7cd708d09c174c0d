"""Setup: what an engine is told at its start. Values only; `start` fills it from Django's settings, tests by hand."""

from dataclasses import dataclass, field
from pathlib import Path

from delivery.engine.choose import Pick, soonest
from delivery.smtp.target import Timeouts
from mailplatform.shell.addresses import AddressPolicy


@dataclass(frozen=True, slots=True)
class Setup:
    """`name` is node and slot as people read it, `resolver` host:port (empty: the machine's), `slice_s` how long it works before it hands over."""

    name: str
    database_url: str
    resolver: str
    smtp_port: int
    extra_ca_file: str
    policy: AddressPolicy
    secret: bytes = field(repr=False)
    return_path_domain: str
    journal_folder: Path
    slice_s: float
    timeouts: Timeouts = field(default_factory=Timeouts)
    dane_resolver: str = ""  # host:port of a validating resolver on this machine; it is then asked for everything
    mta_sts_port: int = 443
    drills: bool = False  # whether it obeys a drill's faults
    pick: Pick = soonest  # which open path takes the next delivery
