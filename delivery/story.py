"""The story of one delivery: what it is, where it stands, every attempt, and a timeline, told in words.

Owns: the facts of a message page, the sentence of its first line. Promises: everything is read by primary key or by a family's range of ids;
at most the newest attempts and events are read. Never: shows what the scope does not cover; changes anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from uuid import UUID

from delivery.models import Attempt, Delivery, DeliveryState, Engine, Event, Message
from delivery.waits import For, Last, Wait, wait_of
from delivery.whereabouts import UNSEEN, Place, whereabouts
from delivery.why import Why, ip_ids, is_better, read_why, sentence, words_for
from mailplatform.shell import formats
from mailplatform.shell.clock import now
from mailplatform.shell.ids import delivery_of, family_end, id_time_ms, message_of
from mailplatform.tenants.models import SendingDomain, Tenant
from mailplatform.tenants.scope import Scope
from pools.models import Pool, Provider, SendingIP, Stream
from pools.outcomes import Fault, Verdict
from pools.purposes import Purpose
from pools.ways import ways_of

ATTEMPTS_SHOWN = 50
EVENTS_SHOWN = 100
RECIPIENTS_COUNTED = 1_000
SIBLINGS_SHOWN = 10
PHASES = {"connect": "connect", "banner": "banner", "ehlo": "EHLO", "starttls": "STARTTLS", "auth": "AUTH", "envelope": "MAIL and RCPT",
          "mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "body": "message to answer"}  # fmt: skip
_FAULTS = {
    Fault.RECIPIENT: "the recipient's",
    Fault.MESSAGE: "the message's",
    Fault.INFRASTRUCTURE: "the infrastructure's, not the recipient's",
    Fault.DESTINATION: "the destination's",
}
_FAMILIES = {"hard": "", "soft": "", "rate_limited": "rate limited", "block": "blocked", "auth": "authentication", "tls": "TLS", "local": "on our side"}
_ACRONYMS = {"ip", "ipv6", "dns", "dnsbl", "spf", "dkim", "dmarc", "arc", "ptr", "url", "helo", "id", "tls"}
_EVENT_LOOKS = {
    "released": "working", "retried": "working", "complained": "limited", "bounced_late": "bounced", "held": "held", "cancelled": "cancelled",
    "expired": "expired",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """A part of what an attempt took, and where it is drawn."""

    name: str
    ms: int
    x: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A path that did not win an attempt."""

    address: str
    score: float
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt with the words that belong to it."""

    number: int
    attempt: Attempt
    ip: SendingIP | None
    provider: str
    pool: str
    engine: str
    phases: tuple[PhaseTime, ...]
    scale_ms: int
    why: Why

    @property
    def took_ms(self) -> int:
        return sum(phase.ms for phase in self.phases)

    @property
    def ordinal(self) -> str:
        return ordinal(self.number)

    @property
    def outcome(self) -> str:
        words = reason_words(self.attempt.reason)
        fault = _FAULTS.get(Fault(self.attempt.fault)) if self.attempt.fault in set(Fault) else None
        return f"{words}; the fault is {fault}" if fault else words

    @property
    def why_sentence(self) -> str:
        return sentence(self.why, str(self.ip) if self.ip else "an IP that is gone", self.provider)

    @property
    def compared(self) -> list[Compared]:
        """The paths that did not win."""
        return [Compared(one.address, one.score, str(one.state), words_for(one, self.provider, better=is_better(one, self.why))) for one in self.why.others]


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline."""

    at: datetime
    look: str
    title: str
    words: str = ""


@dataclass(frozen=True)
class Story:
    """One delivery of one message, for one page."""

    message: Message
    delivery: Delivery
    place: Place
    tries: tuple[Try, ...]
    events: tuple[Event, ...]
    provider: str
    tenant: Tenant | None
    stream: Stream | None
    pool: Pool | None
    domain: SendingDomain | None
    engines: dict[int, str] = field(default_factory=dict)
    wait: Wait | None = None

    @property
    def state(self) -> str:
        return self.delivery.final or self.place.state

    @property
    def is_final(self) -> bool:
        return self.delivery.final is not None

    @property
    def purpose(self) -> str:
        return Purpose(self.message.purpose).label

    @property
    def waits_in_words(self) -> bool:
        """Whether what it waits for is a sentence of its own: the first line says the others."""
        return self.wait is not None and self.wait.what not in (For.RETRY, For.SCHEDULE, For.HOLD)

    @cached_property
    def answer(self) -> str:
        return answer(self)

    @cached_property
    def more(self) -> str:
        return explanation(self)

    @cached_property
    def steps(self) -> list[Step]:
        return sorted(_steps(self), key=lambda step: step.at)


def find(some_id: UUID, scope: Scope) -> tuple[Message, Delivery] | None:
    """The message and delivery that an id of the family means; a message's own id means its first recipient."""
    message = Message.objects.filter(pk=message_of(some_id)).first()
    if message is None or not scope.covers(message.tenant_id):
        return None
    deliveries = Delivery.objects.filter(pk__gt=message.pk, pk__lte=family_end(message.pk))
    wanted = delivery_of(some_id)
    delivery = (deliveries.filter(pk=wanted).first() if wanted != message.pk else None) or deliveries.order_by("pk").first()
    return (message, delivery) if delivery else None


def tell(message: Message, delivery: Delivery) -> Story:
    """Read everything that the page shows."""
    attempts = list(Attempt.objects.filter(pk__gt=delivery.pk, pk__lte=UUID(int=delivery.pk.int | 0xFF)).order_by("-pk")[:ATTEMPTS_SHOWN])
    events = tuple(Event.objects.filter(delivery_id__in=[delivery.pk, message.pk]).order_by("id")[:EVENTS_SHOWN])
    place = whereabouts([delivery.pk]).get(delivery.pk, UNSEEN) if delivery.final is None else UNSEEN
    provider_ids = {attempt.provider_id for attempt in attempts} | {delivery.provider_id or place.provider_id or 0}
    providers = dict(Provider.objects.filter(pk__in=provider_ids).values_list("id", "name"))
    engine_ids = {attempt.engine_id for attempt in attempts} | {place.engine_id or 0}
    engines = {engine.pk: str(engine) for engine in Engine.objects.filter(pk__in=engine_ids).select_related("node")}
    provider = providers.get(delivery.provider_id or place.provider_id or 0, "")
    return Story(
        message=message,
        delivery=delivery,
        place=place,
        tries=tuple(_tries(attempts, providers, engines)),
        events=events,
        provider=provider,
        tenant=Tenant.objects.filter(pk=message.tenant_id).first(),
        stream=Stream.objects.filter(pk=message.stream_id).first(),
        pool=Pool.objects.filter(pk=message.pool_id).first(),
        domain=SendingDomain.objects.filter(pk=message.domain_id).first(),
        engines=engines,
        wait=_wait(place, provider, attempts) if delivery.final is None else None,
    )


@dataclass(frozen=True, slots=True)
class Recipients:
    """How the recipients of one message stand, counted to a limit."""

    states: tuple[tuple[str, int], ...]
    total: int

    @property
    def bounded(self) -> bool:
        return self.total > RECIPIENTS_COUNTED


def recipients_of(message: Message) -> Recipients:
    """States of the first recipients of a message."""
    rows = list(
        Delivery.objects.filter(pk__gt=message.pk, pk__lte=family_end(message.pk)).order_by("pk").values_list("pk", "final")[:RECIPIENTS_COUNTED]
    )
    live = whereabouts([pk for pk, final in rows if final is None])
    counts: dict[str, int] = {}
    for pk, final in rows:
        state = final or live.get(pk, UNSEEN).state
        counts[state] = counts.get(state, 0) + 1
    return Recipients(tuple(sorted(counts.items(), key=lambda item: -item[1])), message.recipients)


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another recipient of the same message."""

    pk: UUID
    recipient: str
    state: str
    here: bool


def siblings_of(message: Message, delivery: Delivery) -> tuple[Sibling, ...]:
    """The recipients around this one, in their order."""
    family = Delivery.objects.filter(pk__gt=message.pk, pk__lte=family_end(message.pk))
    before = list(family.filter(pk__lt=delivery.pk).order_by("-pk").values_list("pk", "recipient", "final")[:SIBLINGS_SHOWN])[::-1]
    after = list(family.filter(pk__gte=delivery.pk).order_by("pk").values_list("pk", "recipient", "final")[: SIBLINGS_SHOWN + 1])
    rows = [*before, *after]
    live = whereabouts([pk for pk, _, final in rows if final is None])
    return tuple(Sibling(pk, recipient, final or live.get(pk, UNSEEN).state, pk == delivery.pk) for pk, recipient, final in rows)


# -- words ---------------------------------------------------------------------------------------------------------------
def answer(story: Story) -> str:
    """The first line: what became of it."""
    to, provider = story.delivery.recipient, story.provider or "the provider"
    counted = len(story.tries)
    match story.state:
        case DeliveryState.DELIVERED:
            took = formats.duration((_taken_at(story) - story.message.created_at).total_seconds())
            how = f", at the {ordinal(counted)} attempt" if counted > 1 else ""
            return f"Delivered to {to} after {took}{how}."
        case DeliveryState.BOUNCED:
            return f"Bounced: {provider} will not take mail for {to}, {reason_words(story.delivery.reason)}."
        case DeliveryState.EXPIRED:
            return f"Expired: {to} could not be reached in {formats.duration((story.message.expires_at - story.message.created_at).total_seconds())}."
        case DeliveryState.CANCELLED:
            return f"Cancelled before it reached {to}."
        case DeliveryState.SUPPRESSED:
            return f"Not sent: {to} is on the tenant's suppression list, {_SUPPRESSED.get(story.delivery.reason, 'for a reason that was not kept')}."
        case DeliveryState.HELD:
            return f"Held for a person: {story.place.scope or 'somebody must decide'}."
        case DeliveryState.DEFERRED:
            return f"Deferred by {provider}; {to} is tried again {_when(story.place.due_at)}."
        case DeliveryState.SCHEDULED:
            return f"Scheduled: it leaves for {to} {_when(story.place.due_at)}."
        case DeliveryState.SENDING:
            return f"Being sent to {to} now."
    return f"Waiting in the queue for {to}{f' at {story.provider}' if story.provider else ''}."


def explanation(story: Story) -> str:
    """The second line: why, in a sentence or two."""
    last = story.tries[0] if story.tries else None
    rerouted = sum(1 for one in story.tries if one.attempt.verdict == Verdict.REROUTED)
    sentences = []
    if rerouted:
        paths = "One path" if rerouted == 1 else f"{formats.number(rerouted)} paths"
        sentences.append(f"{paths} could not take it; the platform chose another at once, and the tenant saw no bounce.")
    came_back = story.state == DeliveryState.BOUNCED and last and last.attempt.verdict in (Verdict.DELIVERED, Verdict.UNKNOWN)
    if came_back:
        sentences.append("The provider had taken it, and it came back.")
    elif last and story.state in (DeliveryState.DEFERRED, DeliveryState.BOUNCED):
        sentences.append(f"The last reply: {reason_words(last.attempt.reason)}.")
    if story.state == DeliveryState.BOUNCED and last and last.attempt.verdict == Verdict.SUPPRESSED:
        sentences.append("The address joined the tenant's suppression list.")
    if any(one.attempt.verdict == Verdict.UNKNOWN for one in story.tries):
        sentences.append("Once the dot was written and no answer came: it may have gone twice.")
    return " ".join(sentences)


_SUPPRESSED = {
    "suppressed.bounce": "because mail to it bounced",
    "suppressed.complaint": "because the recipient complained",
    "suppressed.unsubscribe": "because the recipient unsubscribed",
    "suppressed.manual": "where it was put by hand",
}


def reason_words(reason: str) -> str:
    """`rate_limited.ip` as "rate limited: IP", `hard.invalid_mailbox` as "invalid mailbox"."""
    family, _, detail = reason.partition(".")
    if not family:
        return "no reason was given"
    words = " ".join(word.upper() if word in _ACRONYMS else word for word in (detail or family).split("_"))
    prefix = _FAMILIES.get(family, family) if detail else ""
    return f"{prefix}: {words}" if prefix else words


def ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


# -- pieces --------------------------------------------------------------------------------------------------------------
def _wait(place: Place, provider: str, attempts: Sequence[Attempt]) -> Wait | None:
    """What it waits for; the ways of its lane are read only where a path is what it waits for."""
    lane = (place.pool_id or 0, place.provider_id or 0)
    ways = ways_of([lane])[lane] if place.place == "ready" else ()
    last = Last(attempts[0].reply, reason_words(attempts[0].reason)) if attempts else None
    return wait_of(place, ways, provider or "the provider", last, now())


def _tries(attempts: Sequence[Attempt], providers: dict[int, str], engines: dict[int, str]) -> Iterator[Try]:
    known = {attempt.ip_id for attempt in attempts}.union(*(ip_ids(attempt.why) for attempt in attempts))
    ips = {ip.pk: ip for ip in SendingIP.objects.filter(pk__in=known).select_related("node")}
    addresses = {pk: str(ip) for pk, ip in ips.items()}
    pools = dict(Pool.objects.filter(pk__in={attempt.pool_id for attempt in attempts}).values_list("id", "name"))
    longest = max((sum(_times(attempt).values()) for attempt in attempts), default=0) or 1
    for attempt in attempts:
        phases, x = [], 0
        for name, ms in _times(attempt).items():
            phases.append(PhaseTime(PHASES.get(name, name), ms, x))
            x += ms
        engine = engines.get(attempt.engine_id, f"engine {attempt.engine_id}, gone since")
        provider, pool = providers.get(attempt.provider_id, ""), pools.get(attempt.pool_id, "")
        why = read_why(attempt.why, addresses)
        yield Try(attempt.pk.int & 0xFF, attempt, ips.get(attempt.ip_id), provider, pool, engine, tuple(phases), longest, why)


def _times(attempt: Attempt) -> dict[str, int]:
    order = list(PHASES)  # JSON keeps its keys in an order of its own
    known = {str(name): int(ms) for name, ms in attempt.timings.items() if isinstance(ms, int | float) and ms >= 0}
    return dict(sorted(known.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _steps(story: Story) -> Iterator[Step]:
    message = story.message
    came = f"by {message.submitted_by}" if message.submitted_by else ""
    yield Step(message.created_at, "working", "Accepted", f"{came}, {formats.plural(message.recipients, 'recipient')}".strip(", "))
    if message.send_at:
        yield Step(message.send_at, "scheduled", "To be sent", "as the tenant scheduled it")
    for one in story.tries:
        attempt, at = one.attempt, _ended(one)
        words = f"{attempt.code or ''} {attempt.enhanced}".strip() or reason_words(attempt.reason)
        yield Step(at, attempt.verdict, attempt.verdict.capitalize(), f"{words}, along {one.ip}" if one.ip else words)
    for event in story.events:
        yield Step(event.at, _EVENT_LOOKS.get(event.kind, "working"), event.kind.replace("_", " ").capitalize(), _event_words(event))
    told = {DeliveryState.DELIVERED, DeliveryState.BOUNCED}
    if story.is_final and not (story.state in told and story.tries) and story.state not in {event.kind for event in story.events}:
        yield Step(_done(story), story.state, str(story.state).capitalize())
    if not story.is_final and story.place.due_at and story.state != DeliveryState.SCHEDULED:
        yield Step(story.place.due_at, "scheduled", "Next try", "or earlier, if a person lets it go")


def _event_words(event: Event) -> str:
    if sentence := event.data.get("sentence"):
        return str(sentence)
    return f"by {event.data['by']}" if event.data.get("by") else ""


def _ended(one: Try) -> datetime:
    return datetime.fromtimestamp(one.attempt.started_at.timestamp() + one.took_ms / 1000, UTC)


def _taken_at(story: Story) -> datetime:
    """When the provider took it: its answer counts, not our keeping of it some milliseconds later."""
    return next((_ended(one) for one in story.tries if one.attempt.verdict == Verdict.DELIVERED), _done(story))


def _done(story: Story) -> datetime:
    return story.delivery.done_at or datetime.fromtimestamp(id_time_ms(story.delivery.pk) / 1000, UTC)


def _when(at: datetime | None) -> str:
    return formats.due(at, now()) if at else "soon"
