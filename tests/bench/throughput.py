"""Messages a second, end to end, beside Postfix on the same machine and to the same sink.

Each round runs Postfix (at the better of its settings) and then a whole platform of ours, never both at once; every figure is the median
of the rounds. What is measured and how fair it is: docs/benchmarks.md. The parts: peers/postfix.py, peers/ours.py, peers/sink.py,
peers/measure.py. Where Postfix cannot run it says so, and leaves out the ratios. THROUGHPUT=ours, THROUGHPUT=peers or THROUGHPUT=KEY,KEY (of the
variants below) measures only those, in the full form also with THROUGHPUT_MESSAGES messages: to look where the time goes.
"""

import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.peers import postfix
from tests.bench.peers.measure import Run
from tests.bench.peers.ours import Ours
from tests.bench.peers.postfix import Postfix, Setting
from tests.bench.peers.sink import Endpoint, Sink
from tests.bench.report import machine

GROUPS = ("engines", "postgres", "web", "others", "postfix")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of sending; its key names it in the figures."""

    key: str
    title: str
    domains: int = 1
    form: str = "json"
    tls: bool = False
    signing: str = "none"


@dataclass(frozen=True, slots=True)
class Size:
    rounds: int
    messages: int  # of each of our runs
    peer_messages: int
    trial_messages: int  # to find Postfix's better setting
    ours: tuple[Variant, ...]
    peers: tuple[Variant, ...]


UNSIGNED, TLS_SIGNED = Variant("unsigned", "JSON"), Variant("tls_rsa", "JSON, TLS, RSA-2048", tls=True, signing="rsa")
OURS = (
    UNSIGNED,
    Variant("unsigned_50_domains", "JSON, 50 domains", domains=50),
    Variant("unsigned_raw", "raw MIME", form="raw"),
    Variant("unsigned_raw_50_domains", "raw MIME, 50 domains", 50, "raw"),
    Variant("tls", "JSON, TLS", tls=True),
    Variant("rsa", "JSON, RSA-2048", signing="rsa"),
    TLS_SIGNED,
    Variant("tls_rsa_50_domains", "JSON, TLS, RSA-2048, 50 domains", 50, "json", True, "rsa"),
    Variant("tls_rsa_raw", "raw MIME, TLS, RSA-2048", 1, "raw", True, "rsa"),
    Variant("tls_both", "JSON, TLS, RSA-2048 and Ed25519", tls=True, signing="both"),
)
PEER_CLEAR, PEER_TLS = Variant("postfix", "Postfix"), Variant("postfix_tls", "Postfix, TLS", tls=True)
PEERS = (
    PEER_CLEAR,
    Variant("postfix_50_domains", "Postfix, 50 domains", domains=50),
    PEER_TLS,
    Variant("postfix_tls_50_domains", "Postfix, TLS, 50 domains", domains=50, tls=True),
)
FULL = Size(3, 20_000, 20_000, 4_000, OURS, PEERS)
SHORT = Size(1, 5_000, 2_000, 1_000, (UNSIGNED, Variant("unsigned_raw", "raw MIME", form="raw"), TLS_SIGNED), (PEER_CLEAR, PEER_TLS))
RATIOS = (  # key, ours, Postfix's
    ("vs_postfix_unsigned", "unsigned", "postfix"),
    ("vs_postfix_unsigned_50_domains", "unsigned_50_domains", "postfix_50_domains"),
    ("vs_postfix_unsigned_raw", "unsigned_raw", "postfix"),
    ("vs_postfix_tls", "tls_rsa", "postfix_tls"),
    ("vs_postfix_tls_50_domains", "tls_rsa_50_domains", "postfix_tls_50_domains"),
    ("vs_postfix_tls_raw", "tls_rsa_raw", "postfix_tls"),
)


def run(short: bool) -> dict[str, float]:
    return measured(_chosen(SHORT if short else FULL, os.environ.get("THROUGHPUT", ""), int(os.environ.get("THROUGHPUT_MESSAGES", 0))))


def _chosen(size: Size, only: str, count: int) -> Size:
    """Some of it: one side, or variants by their keys."""
    keys = set(filter(None, only.split(",")))
    if keys:
        ours = () if keys == {"peers"} else size.ours if keys == {"ours"} else tuple(one for one in OURS if one.key in keys)
        peers = size.peers if keys == {"peers"} else tuple(one for one in PEERS if one.key in keys)
        size = replace(size, ours=ours, peers=peers)
    return replace(size, messages=count, peer_messages=count) if count else size


def measured(size: Size) -> dict[str, float]:
    reason = postfix.why_not() if size.peers else ""
    peers = () if reason else size.peers
    with _sink() as sink:
        print(f"{machine()}\nThe sink is {sink.name}. {reason}\n\n{HEAD}", flush=True)
        runs: dict[str, list[Run]] = {}
        best: dict[bool, Setting] = {}
        for _ in range(size.rounds):
            if peers:
                best = best or {tls: _better(size, sink, tls) for tls in sorted({one.tls for one in peers})}
                _peer_round(size, sink, best, runs)
            if size.ours:
                _our_round(size, sink, runs)
    if size.rounds > 1:
        print(f"\nMedians of {size.rounds} rounds\n{HEAD}")
        for variant in (*size.ours, *peers):
            print(_line(variant.title, _median(runs[variant.key])))
    return _figures({key: _median(some) for key, some in runs.items()})


def _our_round(size: Size, sink: Sink, runs: dict[str, list[Run]]) -> None:
    ours = Ours()
    try:
        ours.start()
        for variant in size.ours:
            done = ours.run(sink, size.messages, variant.domains, variant.form, variant.tls, variant.signing, variant.key)
            runs.setdefault(variant.key, []).append(done)
            print(_line(variant.title, done), flush=True)
        print(f"  ({ours.durability()}; a message has {ours.message_bytes():,.0f} bytes before it is signed)", flush=True)
    finally:
        ours.stop()


def _peer_round(size: Size, sink: Sink, best: dict[bool, Setting], runs: dict[str, list[Run]]) -> None:
    for variant in size.peers:
        with Postfix(best[variant.tls], _end(sink, variant.tls)) as peer:
            done = peer.run(sink, size.peer_messages, variant.domains)
        runs.setdefault(variant.key, []).append(done)
        print(_line(variant.title, done), flush=True)


def _better(size: Size, sink: Sink, tls: bool) -> Setting:
    """A trial of each setting; which it is, the rest of the run keeps."""
    tried: dict[Setting, float] = {}
    for setting in postfix.SECURED if tls else postfix.CLEAR:
        with Postfix(setting, _end(sink, tls)) as peer:
            done = peer.run(sink, size.trial_messages, 1)
        tried[setting] = done.messages_per_s
        print(_line(f"  trial{' TLS' if tls else ''}: {setting.told(tls)}", done), flush=True)
    return max(tried, key=tried.__getitem__)


def _end(sink: Sink, tls: bool) -> Endpoint:
    return sink.secured if tls else sink.clear


@contextmanager
def _sink() -> Iterator[Sink]:
    folder = Path(tempfile.mkdtemp(prefix="mp-sink-"))
    folder.chmod(0o755)  # smtp-sink gives up its rights
    sink = Sink(folder)
    try:
        sink.start()
        yield sink
    finally:
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)


# -- figures ----------------------------------------------------------------------------------------------------------


def _median(runs: list[Run]) -> Run:
    """Each figure's own median."""

    def of(value: Callable[[Run], float]) -> float:
        return statistics.median(map(value, runs))

    cpu_ms = {name: of(lambda run, name=name: run.cpu_ms.get(name, 0.0)) for name in runs[0].cpu_ms}  # type: ignore[misc]
    return Run(
        messages=runs[0].messages,
        accepted_per_s=of(lambda run: run.accepted_per_s),
        messages_per_s=of(lambda run: run.messages_per_s),
        cpu_ms=cpu_ms,
        peak_mb=of(lambda run: run.peak_mb),
        fsyncs=None if runs[0].fsyncs is None else of(lambda run: run.fsyncs or 0.0),
    )


def _figures(medians: dict[str, Run]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for key, ours, peer in RATIOS:
        if ours in medians and peer in medians:
            figures[key] = medians[ours].messages_per_s / medians[peer].messages_per_s
    if main := medians.get(UNSIGNED.key):
        figures |= {"messages_per_s": main.messages_per_s, "cpu_ms_per_message": main.cpu_ms_per_message}
    for key, one in medians.items():
        figures |= {f"{key}.messages_per_s": one.messages_per_s, f"{key}.accepted_per_s": one.accepted_per_s}
        figures |= {f"{key}.cpu_ms_per_message": one.cpu_ms_per_message, f"{key}.peak_mb": one.peak_mb}
        figures |= {f"{key}.fsyncs": one.fsyncs} if one.fsyncs is not None else {}
        figures |= {f"{key}.cpu_ms.{name}": spent for name, spent in one.cpu_ms.items()}
    return figures


HEAD = f"{'':<40}{'end to end/s':>13}{'accepted/s':>12}{'CPU ms':>9}" + "".join(f"{name:>10}" for name in GROUPS) + f"{'peak MB':>10}{'fsyncs':>9}"


def _line(title: str, run: Run) -> str:
    groups = "".join(f"{run.cpu_ms[name]:>10.3f}" if name in run.cpu_ms else f"{'':>10}" for name in GROUPS)
    fsyncs = f"{'':>9}" if run.fsyncs is None else f"{run.fsyncs:>9.3f}"
    rates = f"{run.messages_per_s:>13,.0f}{run.accepted_per_s:>12,.0f}"
    return f"{title:<40}{rates}{run.cpu_ms_per_message:>9.3f}{groups}{run.peak_mb:>10,.0f}{fsyncs}  {run.note}".rstrip()
