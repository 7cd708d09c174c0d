"""Standing: once a second, what each of an engine's paths has lost, whose mood a provider's refusals are, and what other engines are told.

Promises: nothing here is done for a message. Reads the paths and the rivals; writes only `path.points`, and `path.mood_kept` when it changed
enough to be kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from delivery.engine.path import Path
from delivery.engine.rivals import MOST_SHARED, OPEN, Rivals
from delivery.engine.score import Health, points
from pools.binds import Limit
from pools.mood import AS_USUAL, FIRST_ANSWER_S, Heard, Mood, ProviderMood, from_json, provider_mood, to_json

LATELY_S = 60.0
WORTH_TELLING = 2.0  # points
WORDS = {Limit.CONNECTIONS: "full"}  # others have the limit's own name


def stand(paths: Iterable[Path], rivals: Rivals, health: Health, now_s: float, wall_s: float) -> dict[int, ProviderMood]:
    """Give every path its points; the moods of the providers that are not as usual."""
    by_provider: dict[int, list[Path]] = {}
    for path in paths:
        by_provider.setdefault(path.provider_id, []).append(path)
    heard: dict[int, list[Heard]] = {}
    for (_, provider), rival in rivals.paths.items():
        if rival.heard:
            heard.setdefault(provider, []).append(rival.heard)
    ips = {path.ip_id for several in by_provider.values() for path in several} | {ip for ip, rival in rivals.ips.items() if rival.open}
    of_node, moods = health.points(), {}
    for provider, own in by_provider.items():
        mood = provider_mood([*heard.get(provider, ()), *(_heard(path, now_s) for path in own)], len(ips))
        if mood is not AS_USUAL:
            moods[provider] = mood
        fastest_s = max(FIRST_ANSWER_S, min(path.mood.answer_now_s(now_s) for path in own))
        for path in own:
            path.points = points(path.reputation, path.mood.refused_now(now_s), mood.refused, path.mood.answer_now_s(now_s), fastest_s, of_node)
            _keep(path, mood, now_s, wall_s)
    return moods


def shared(paths: Iterable[Path], health: Health, now_s: float) -> dict[str, Any]:
    """For the engine's state: scores of the paths that had traffic lately or have lost something, those of most traffic first."""
    told = [path for path in paths if now_s - path.wanted_at_s < LATELY_S or path.points.lost >= WORTH_TELLING or path.pace or not path.open(now_s)]
    told.sort(key=_wanted, reverse=True)
    return {"health": health.points(), "scores": [_entry(path, now_s) for path in told[:MOST_SHARED]]}


def state_of(path: Path, now_s: float) -> tuple[str, int]:
    """The why's word for what binds a path, and its figure."""
    binds = path.binds(now_s)
    if path.pace and binds.limit in (Limit.NOTHING, Limit.PACE, Limit.RATE, Limit.CONNECTIONS):
        return (path.pace.by, 0) if path.pace.due(now_s) else (str(Limit.PACE), round(path.pace.at_s(now_s) - now_s))
    if binds.limit is Limit.RATE and binds.until_s is not None:
        return "rate", max(0, round((binds.until_s - now_s) * 1000))
    if binds.limit is Limit.NOTHING:
        return OPEN, path.sessions if path.warm else 0
    return WORDS.get(binds.limit) or str(binds.limit), binds.figure if binds.limit is Limit.CONNECTIONS else 0


def mood_of(learned: object, now_s: float, wall_s: float) -> Mood:
    """What a former owner kept beside what it had learned."""
    return from_json(learned.get("mood") if isinstance(learned, Mapping) else None, now_s, wall_s)


def _keep(path: Path, provider: ProviderMood, now_s: float, wall_s: float) -> None:
    """For the next owner and for people to read; a small change is not worth a write."""
    new, old = to_json(path.mood, provider, now_s, wall_s), path.mood_kept.get("mood", {})
    if not _alike(new, old if isinstance(old, dict) else {}):
        path.mood_kept, path.changed = {"mood": new} if new else {}, True


def _alike(new: dict[str, Any], old: dict[str, Any]) -> bool:
    if not (new and old):
        return bool(new) == bool(old)
    answers = sorted((new["answer_s"], old["answer_s"]))
    return new.get("provider") == old.get("provider") and abs(new["refused"] - old["refused"]) < 0.1 and answers[1] < 2 * answers[0]


def _entry(path: Path, now_s: float) -> list[object]:
    state, n = state_of(path, now_s)
    entry: list[object] = [path.ip_id, path.provider_id, round(path.score()), state, n]
    heard = _heard(path, now_s)
    return [*entry, round(heard.refused, 2), round(heard.seen, 1), heard.reason] if heard.seen >= 1.0 else entry


def _heard(path: Path, now_s: float) -> Heard:
    return Heard(path.mood.refused_now(now_s), path.mood.seen_now(now_s), path.mood.reason)


def _wanted(path: Path) -> float:
    return path.wanted_at_s
