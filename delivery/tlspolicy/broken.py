"""Broken TLS, remembered to wait: a host whose TLS failed is not asked again by every delivery, and nothing goes to it in the clear.

Owns: an engine's memory of (host, proof), shared with the others through the table. Promises: one connection tries again when the time
has come, after 30 s at first, doubling to an hour; a success forgets it at once; what one kind of proof did not find (a certificate
that an MTA-STS policy wants) says nothing of another. Times come in: wall-clock seconds by the database's clock. Never: asks
the database itself.
"""

from collections.abc import Iterable
from dataclasses import replace

from delivery.smtp.failure import ConnectFailure
from delivery.smtp.target import TlsMode
from delivery.smtp.wire import Failure, Phase
from delivery.tlspolicy.store import Broken

FIRST_S, LAST_S = 30.0, 3600.0
PROBE_S = 120.0  # how long one that tries again keeps the others waiting
REMEMBERED = 20_000
TLS_FAILURES = frozenset({Failure.TLS_HANDSHAKE, Failure.TLS_CERTIFICATE, Failure.TLS_NOT_OFFERED, Failure.TLS_DANE, Failure.TLS_MTA_STS})
Key = tuple[str, str]


def is_broken_tls(failure: ConnectFailure) -> bool:
    """Whether it was the host's TLS that failed; one that was cut, fell silent or talked nonsense in the handshake counts too."""
    return failure.failure in TLS_FAILURES or (failure.phase is Phase.STARTTLS and failure.failure in (Failure.CUT, Failure.TIMEOUT, Failure.PROTOCOL))


class BrokenHosts:
    def __init__(self) -> None:
        self._known: dict[Key, Broken] = {}
        self._changed: dict[Key, Broken] = {}
        self._mended: set[Key] = set()

    def waits(self, host: str, proof: TlsMode, now_s: float) -> ConnectFailure | None:
        """Why nobody connects to this host now; None when this caller may, and is then the one that tries again."""
        if not self._known:
            return None
        known = self._known.get((host, proof.value))
        if known is None:
            return None
        if known.retry_s <= now_s:
            self._known[host, proof.value] = replace(known, retry_s=now_s + PROBE_S)
            return None
        words = f"{known.detail or known.failure} (seen {known.failures} times, the next connection comes in {max(1, round(known.retry_s - now_s))} s)"
        failure = ConnectFailure(Phase.STARTTLS, Failure(known.failure), detail=words)
        failure.wait_s = known.retry_s - now_s
        return failure

    def failed(self, host: str, proof: TlsMode, failure: ConnectFailure, now_s: float, remember_s: float) -> float:
        """Its TLS failed once more: for how long nobody tries again. What failed last longer than `remember_s` ago begins anew."""
        key = (host, proof.value)
        known = self._known.get(key)
        again = known is not None and now_s - known.last_s < remember_s
        failures = known.failures + 1 if known and again else 1
        wait_s = min(LAST_S, FIRST_S * 2 ** min(failures - 1, 20))
        since_s = known.since_s if known and again else now_s
        words = failure.detail or (failure.reply.text if failure.reply else "")
        kind = failure.failure if failure.failure in TLS_FAILURES else Failure.TLS_HANDSHAKE
        if len(self._known) < REMEMBERED or key in self._known:
            self._known[key] = self._changed[key] = Broken(host, proof.value, kind.value, words[:500], failures, since_s, now_s, now_s + wait_s)
            self._mended.discard(key)
        return wait_s

    def worked(self, host: str, proof: TlsMode) -> None:
        """A handshake held."""
        if self._known and (host, proof.value) in self._known:
            del self._known[host, proof.value]
            self._changed.pop((host, proof.value), None)
            self._mended.add((host, proof.value))

    # -- with the others ----------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        return bool(self._changed or self._mended)

    def take_news(self) -> tuple[list[Broken], list[Key]]:
        """What changed since the last call; it is the caller's to write now."""
        news = (list(self._changed.values()), list(self._mended))
        self._changed, self._mended = {}, set()
        return news

    def untake(self, changed: Iterable[Broken], mended: Iterable[Key]) -> None:
        """It could not be written."""
        self._changed = {(one.host, one.proof): one for one in changed} | self._changed
        self._mended |= set(mended) - self._changed.keys()

    def learn(self, rows: Iterable[Broken]) -> None:
        """What all engines know; what this one has learned meanwhile, or is trying just now, stands."""
        told = {(row.host, row.proof): row for row in rows if (row.host, row.proof) not in self._mended}
        trying = {key: mine for key, mine in self._known.items() if key in told and mine.last_s == told[key].last_s and mine.retry_s > told[key].retry_s}
        self._known = told | trying | self._changed
