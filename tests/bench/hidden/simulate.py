"""One policy in the world: steps of five minutes over (seed, IP, provider), finer where a path is breaking.

A step: what befalls, what each path may send, what it sends and hears, what of the backlog is gone in time, what providers make of it. Mail of a provider
goes over its open paths in proportion to what each may send now; refused mail stays and is tried along others (retry budget: a tenth and 20).
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from delivery.engine.score import LEAST_SHARE, LOAD_POINTS
from tests.bench.hidden.world import STEP_S, STEPS_PER_DAY, STEPS_PER_HOUR, Array, Happening, World, counted

IN_FLIGHT = 4.0  # deliveries under way when a path is stopped
SOON, LATE = 3, 48  # steps: a quarter of an hour, four hours
BAD, WELL, WELL_FOR = 0.5, 0.9, 2 * STEPS_PER_HOUR
MISSED_AFTER = 30 * 60 // STEP_S
NOTHING_BEFALLS = Happening()
_REFUSED, _STRAY, _BLOCKED_FIRST = 1, 2, 3


@dataclass(slots=True)
class Heard:
    """A step's answers by path, as a platform sees them."""

    attempted: Array
    blocked: Array
    deferred_reputation: Array
    deferred_other: Array
    bounced: Array
    complaints: Array


@dataclass(slots=True)
class Odds:
    """Hidden, of a step: what befalls an attempt on each path."""

    refused: Array  # by the IP's fault
    for_good: Array  # of these, refused for good
    stray: Array
    put_off: Array  # by the provider's own trouble
    blames: Array  # whether that says our reputation


@dataclass(slots=True)
class May:
    """`share`: of its capacity. `caps`: attempts in this step of those on probation, which go first; inf: not on probation. `lost`: of its score."""

    share: Array
    caps: Array | None = None
    lost: Array | None = None


class Rules(Protocol):
    """What a policy may do."""

    def may(self, step: int) -> "May":
        """What each path may send."""

    def send(self, step: int, planned: Array, odds: Odds) -> tuple[Array, Array, Array]:
        """Attempts really made, and of these refused by the IP's fault, and stray blocks."""

    def after(self, step: int, heard: Heard, hidden: "Hidden") -> None:
        """Look at what was heard."""

    def acted(self) -> Array | None:
        """Where it has acted on a path (for `missed`)."""


@dataclass(slots=True)
class Hidden:
    """The world as it is under one policy."""

    badness: Array
    listed: Array  # (seed, ip): badness by lists
    listed_until: Array
    listed_seen: Array  # (seed, ip): from which step a look has seen it; -1: nothing
    worse: Array  # (seed, ip): bad lists' factors, and until when
    unknown_times: Array
    complaint_times: Array
    worse_until: Array
    outage: Array  # (seed, provider): accepted part
    outage_until: Array
    outage_blames: Array
    held: Array  # (seed, provider): part of the mail
    held_until: Array
    badly_at: Array  # last step below WELL
    accepted_own: Array


@dataclass(slots=True)
class Totals:
    """By seed."""

    submitted: Array
    on_time: Array
    burnt: Array
    bad_steps: Array
    missed_steps: Array
    path_days: Array


def draw(world: World, step: int, planned: Array, odds: Odds) -> tuple[Array, Array, Array]:
    """All planned attempts are made at once."""
    refused = counted(planned * odds.refused, planned, world.draws.at(step, _REFUSED))
    stray = counted(planned * odds.stray, planned, world.draws.at(step, _STRAY))
    return planned, np.minimum(refused, planned), np.minimum(stray, planned - np.minimum(refused, planned))


def until_first(world: World, step: int, planned: Array, chance: Array) -> Array:
    """How many attempts until the first that befalls with that chance; more than planned: none."""
    _, uniform = world.draws.at(step, _BLOCKED_FIRST)
    return np.ceil(np.log(np.maximum(uniform, 1e-9)) / np.log1p(-np.clip(chance, 1e-9, 0.999999)))


def plan(world: World, may: May, want: Array) -> Array:
    """The auction: load costs points as reputation does, and whoever has most left takes the mail; when all are loaded, the score is the share."""
    capacity = world.capacity * may.share
    first: Any = 0.0
    if may.caps is not None:
        trial = np.isfinite(may.caps)
        first = np.where(trial, np.minimum(may.caps, capacity), 0.0)
        capacity = np.where(trial, 0.0, capacity)
        want = np.maximum(want - first.sum(axis=1, keepdims=True), 0.0)
    if may.lost is None:
        load = np.minimum(want / np.maximum(capacity.sum(axis=1, keepdims=True), 1e-6), 1.0)
        return np.asarray(first + capacity * load)
    capacity = capacity * np.maximum(LEAST_SHARE, 1.0 - may.lost / 100.0)
    low, high = np.zeros_like(want), np.full_like(want, LOAD_POINTS + 100.0)
    for _ in range(9):  # to a quarter of a point
        level = (low + high) / 2
        enough = (capacity * np.clip((level - may.lost) / LOAD_POINTS, 0.0, 1.0)).sum(axis=1, keepdims=True) >= want
        low, high = np.where(enough, low, level), np.where(enough, level, high)
    taken = capacity * np.clip((high - may.lost) / LOAD_POINTS, 0.0, 1.0)
    return np.asarray(first + taken * np.minimum(1.0, want / np.maximum(taken.sum(axis=1, keepdims=True), 1e-6)))


def begin(world: World) -> Hidden:
    shape, by_ip, by_provider = world.shape, world.shape[:2], (world.shape[0], world.shape[2])
    return Hidden(
        np.broadcast_to(world.offence * 0.7, shape).astype(np.float32), np.zeros(by_ip, np.float32), np.zeros(by_ip, np.int32), np.full(by_ip, -1, np.int32),
        np.ones(by_ip, np.float32), np.ones(by_ip, np.float32), np.ones(by_ip, np.float32), np.zeros(by_ip, np.int32),
        np.ones(by_provider, np.float32), np.zeros(by_provider, np.int32), np.zeros(by_provider, bool), np.zeros(by_provider, np.float32),
        np.zeros(by_provider, np.int32), np.full(shape, -10_000, np.int32), np.ones(shape, np.float32),
    )  # fmt: skip


def befall(world: World, hidden: Hidden, step: int) -> list[tuple[int, int, Array]]:
    """What begins and ends now; returns who is hit by poison."""
    now = world.happens.get(step, NOTHING_BEFALLS)
    for seed, ip, provider, badness in now.breaks:
        hidden.badness[seed, ip, provider] += badness
    look = world.truth["listings"]["looked_at_every_min"] * 60 // STEP_S
    for seed, ip, badness, until in now.listings:
        hidden.listed[seed, ip], hidden.listed_until[seed, ip], hidden.listed_seen[seed, ip] = badness, until, -(-step // look) * look + look
    hidden.listed[step >= hidden.listed_until] = 0.0
    hidden.listed_seen[(step >= hidden.listed_until + look)] = -1
    for seed, ip, until, offence, unknown, complaints in now.bad_lists:
        hidden.worse[seed, ip], hidden.unknown_times[seed, ip], hidden.complaint_times[seed, ip] = offence, unknown, complaints
        hidden.worse_until[seed, ip] = until
    over = step >= hidden.worse_until
    for times in (hidden.worse, hidden.unknown_times, hidden.complaint_times):
        times[over] = 1.0
    for seed, provider, until, accepted, blames in now.outages:
        hidden.outage[seed, provider], hidden.outage_until[seed, provider], hidden.outage_blames[seed, provider] = accepted, until, blames
    hidden.outage[step >= hidden.outage_until] = 1.0
    for seed, provider, _, part, until in now.poison:
        hidden.held[seed, provider], hidden.held_until[seed, provider] = part, until
    hidden.held[step >= hidden.held_until] = 0.0
    return [(seed, provider, hit) for seed, provider, hit, _, _ in now.poison]


def run(world: World, rules: Rules) -> Totals:
    """From the first step to the last."""
    hidden, of = begin(world), world.provider
    seeds, ips, providers = world.shape
    totals = Totals(*(np.zeros(seeds) for _ in range(6)))
    came = [np.zeros((seeds, providers)) for _ in range(2)]
    gone = [np.zeros((seeds, providers)) for _ in range(2)]
    history = [deque([came[0].copy()] * SOON, SOON), deque([came[1].copy()] * LATE, LATE)]
    again = np.zeros((seeds, 1, providers), np.float32)
    bad_for = np.zeros(world.shape, np.int32)
    traffic = np.zeros(world.shape, bool)
    parts = (world.truth["transactional_part"], 1 - world.truth["transactional_part"])
    learns, forgets = 1 / (of["learns_from_mail_h"] * STEPS_PER_HOUR), 1 / (of["forgets_h"] * STEPS_PER_HOUR)
    insisting = of["insisting_counts"] * (learns + forgets)
    around = world.truth["provider"]["refuses_around"]
    for step in range(world.steps):
        poisoned = befall(world, hidden, step)
        badness = hidden.badness + hidden.listed[:, :, None] * of["uses_lists"]
        own = 1 / (1 + np.exp(np.clip((badness - around) / of["refuses_width"], -30, 30)))
        hidden.accepted_own = own
        hidden.badly_at[own < WELL] = step
        inboxed = 1 / (1 + np.exp(np.clip((badness - of["folder_around"]) / of["folder_width"], -30, 30)))
        outage = hidden.outage[:, None, :]
        odds = Odds((1 - own) * outage, of["refused_for_good"], of["stray_blocks"] * np.ones_like(own), 1 - outage, hidden.outage_blames[:, None, :])

        level = world.demand[step % len(world.demand)][:, None]
        arrive = level * world.usual[:, 0, :] * ips
        totals.submitted += arrive.sum(axis=1)
        for kind in (0, 1):
            came[kind] = came[kind] + arrive * parts[kind] * (1 - hidden.held)
        backlog = came[0] - gone[0] + came[1] - gone[1]

        want = backlog[:, None, :] * (1 + np.minimum(again, 0.1 + 20 / np.maximum(backlog[:, None, :], 1)))
        planned = plan(world, rules.may(step), want)

        attempted, refused, stray = rules.send(step, planned.astype(np.float32), odds)
        put_off = (attempted - refused - stray) * odds.put_off
        taken = attempted - refused - stray - put_off
        missing = world.unknown * hidden.unknown_times[:, :, None]
        bounced = taken * np.minimum(missing, 0.6)
        complaints = taken * inboxed * world.complaints * hidden.complaint_times[:, :, None] * of["complaints_told"]
        blocked = refused * odds.for_good + stray
        for seed, provider, hit in poisoned:
            blocked[seed, hit, provider] += 1.0
        reputation = refused * (1 - odds.for_good) + put_off * odds.blames
        heard = Heard(attempted, blocked, reputation, put_off * ~odds.blames, bounced, complaints)

        well = (taken * (1 - np.minimum(missing, 0.6)) * inboxed).sum(axis=1) / np.maximum(taken.sum(axis=1), 1e-6)
        free = taken.sum(axis=1)
        for kind in (0, 1):
            go = np.minimum(np.maximum(came[kind] - gone[kind], 0.0), free)
            free = free - go
            before, gone[kind] = gone[kind], gone[kind] + go
            in_time = np.maximum(gone[kind] - np.maximum(before, history[kind][0]), 0.0)
            history[kind].append(came[kind].copy())
            totals.on_time += (in_time * well).sum(axis=1)
        again = ((attempted - taken).sum(axis=1) / np.maximum(attempted.sum(axis=1), 1e-6))[:, None, :]

        extra = world.offence * (hidden.worse[:, :, None] - 1)
        moved = np.maximum(world.usual * level[:, None, :] - attempted, 0.0) * extra
        spilt = moved.sum(axis=1, keepdims=True) / np.maximum(attempted.sum(axis=1, keepdims=True), 1.0)
        pace = attempted / world.usual
        drift = pace * learns * (world.offence + extra + spilt - hidden.badness) - forgets * hidden.badness + pace * insisting * (1 - own)
        hidden.badness = np.maximum(hidden.badness + drift, 0.0).astype(np.float32)

        bad, sent = own < BAD, attempted > 0
        totals.burnt += (attempted * bad).sum(axis=(1, 2))
        acted = rules.acted()
        bad_for = np.where(bad & sent, bad_for + 1, np.where(bad, bad_for, 0))
        totals.bad_steps += bad.sum(axis=(1, 2))
        if acted is not None:
            bad_for[acted] = 0
            totals.missed_steps += (bad & sent & ~acted & (bad_for > MISSED_AFTER)).sum(axis=(1, 2))
        traffic |= sent
        if (step + 1) % STEPS_PER_DAY == 0:
            totals.path_days += traffic.sum(axis=(1, 2))
            traffic[:] = False
        rules.after(step, heard, hidden)
    return totals
