"""What can be told: a closed list, in the words that payloads, filters and the outbox share. Pure."""

from enum import StrEnum


class EventKind(StrEnum):
    """Every type of event that an endpoint may hear."""

    ACCEPTED = "message.accepted"  # stored for good, and queued, scheduled or held
    DELIVERED = "message.delivered"  # the provider took it
    DEFERRED = "message.deferred"  # tried, and tried again later
    BOUNCED = "message.bounced"  # finally refused
    BOUNCED_LATE = "message.bounced_late"  # the provider took it, and a bounce came back
    COMPLAINED = "message.complained"  # the recipient called it spam
    UNSUBSCRIBED = "message.unsubscribed"
    SUPPRESSED = "message.suppressed"  # not sent: the address is on the tenant's list
    HELD = "message.held"  # waits for a person
    RELEASED = "message.released"
    CANCELLED = "message.cancelled"
    EXPIRED = "message.expired"  # not delivered in time
    REPLIED_BY_MACHINE = "message.replied_by_machine"  # an auto-reply came to the return path


TEST = "webhook.test"  # asked for by a person, told whatever the filter says, once

# The delivery's state that an event tells of (docs/api.md); a test has none.
STATE_AFTER: dict[str, str] = {
    EventKind.ACCEPTED: "queued",
    EventKind.DELIVERED: "delivered",
    EventKind.DEFERRED: "deferred",
    EventKind.BOUNCED: "bounced",
    EventKind.BOUNCED_LATE: "bounced",
    EventKind.COMPLAINED: "delivered",
    EventKind.UNSUBSCRIBED: "delivered",
    EventKind.SUPPRESSED: "suppressed",
    EventKind.HELD: "held",
    EventKind.RELEASED: "queued",
    EventKind.CANCELLED: "cancelled",
    EventKind.EXPIRED: "expired",
    EventKind.REPLIED_BY_MACHINE: "delivered",
}
WORDS: dict[str, str] = {
    EventKind.ACCEPTED: "stored for good",
    EventKind.DELIVERED: "the provider took it",
    EventKind.DEFERRED: "tried, and tried again later",
    EventKind.BOUNCED: "finally refused",
    EventKind.BOUNCED_LATE: "taken, and a bounce came back",
    EventKind.COMPLAINED: "the recipient called it spam",
    EventKind.UNSUBSCRIBED: "the recipient wants no more of it",
    EventKind.SUPPRESSED: "not sent: the address is on your list",
    EventKind.HELD: "waits for a person",
    EventKind.RELEASED: "a person let it go",
    EventKind.CANCELLED: "taken out of the queue",
    EventKind.EXPIRED: "not delivered in time",
    EventKind.REPLIED_BY_MACHINE: "an auto-reply came back",
}
