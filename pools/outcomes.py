"""The vocabulary of outcomes: what an attempt came to, why, and whose fault it was.

Everything that counts, scores, retries or explains mail speaks in these words and no others. A provider's own
words stay beside them in the attempt's reply, never instead of them. `fault_of` and `remedy_of` know every reason: a new reason
without an entry in MEANING fails at import. docs/outcomes.md is the same table with its arguments.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of the delivery after this attempt."""

    DELIVERED = "delivered"  # the provider took responsibility (250 after the final dot)
    DEFERRED = "deferred"  # counts as a failed attempt; tried again by the retry schedule
    REROUTED = "rerouted"  # given back at once for another path; does not count as the delivery's failure
    BOUNCED = "bounced"  # final: this message will not reach this recipient
    SUPPRESSED = "suppressed"  # final, and the recipient joins the tenant's suppression list
    UNKNOWN = "unknown"  # the dot was written and no answer came: the one moment in which mail may go twice


class Fault(StrEnum):
    """Whose fault a failure is. Only RECIPIENT and MESSAGE count as the tenant's bounces."""

    NONE = "none"
    RECIPIENT = "recipient"
    MESSAGE = "message"
    INFRASTRUCTURE = "infrastructure"
    DESTINATION = "destination"


class Reason(StrEnum):
    """Why; `family.detail`. The families follow RFC 3463's classes, split where operators act differently."""

    ACCEPTED = "accepted"
    EXPIRED = "expired"
    UNDETERMINED = "undetermined"

    SUPPRESSED_BOUNCE = "suppressed.bounce"  # never tried: the recipient is on the tenant's suppression list, and why
    SUPPRESSED_COMPLAINT = "suppressed.complaint"
    SUPPRESSED_UNSUBSCRIBE = "suppressed.unsubscribe"
    SUPPRESSED_MANUAL = "suppressed.manual"

    HARD_INVALID_MAILBOX = "hard.invalid_mailbox"
    HARD_MAILBOX_DISABLED = "hard.mailbox_disabled"
    HARD_MAILBOX_INACTIVE = "hard.mailbox_inactive"
    HARD_MAILBOX_MOVED = "hard.mailbox_moved"
    HARD_INVALID_DOMAIN = "hard.invalid_domain"
    HARD_INVALID_SENDER = "hard.invalid_sender"
    HARD_RELAY_DENIED = "hard.relay_denied"
    HARD_BAD_SYNTAX = "hard.bad_syntax"
    HARD_AMBIGUOUS = "hard.ambiguous"
    HARD_OTHER_ADDRESS = "hard.other_address"

    SOFT_MAILBOX_FULL = "soft.mailbox_full"
    SOFT_INVALID_MAILBOX = "soft.invalid_mailbox"
    SOFT_GREYLIST = "soft.greylist"
    SOFT_SYSTEM = "soft.system"
    SOFT_SYSTEM_FULL = "soft.system_full"
    SOFT_CONGESTION = "soft.congestion"
    SOFT_DNS = "soft.dns"
    SOFT_UNKNOWN = "soft.unknown"

    RATE_IP = "rate_limited.ip"
    RATE_CONNECTIONS = "rate_limited.connections"
    RATE_SESSION = "rate_limited.session"
    RATE_RECIPIENT = "rate_limited.recipient"
    RATE_DOMAIN = "rate_limited.domain"
    RATE_SENDER = "rate_limited.sender"
    RATE_DAILY = "rate_limited.daily"
    RATE_COMPLAINTS = "rate_limited.complaints"
    RATE_FLOOD = "rate_limited.flood"

    BLOCK_IP_REPUTATION = "block.ip_reputation"
    BLOCK_DNSBL = "block.dnsbl"
    BLOCK_DNSBL_DEAD = "block.dnsbl_dead"
    BLOCK_DOMAIN_REPUTATION = "block.domain_reputation"
    BLOCK_DOMAIN_DNSBL = "block.domain_dnsbl"
    BLOCK_CONTENT_OR_REPUTATION = "block.content_or_reputation"
    BLOCK_DYNAMIC_IP = "block.dynamic_ip"
    BLOCK_OPEN_RELAY = "block.open_relay"
    BLOCK_UNKNOWN_RECIPIENTS = "block.unknown_recipients"
    BLOCK_NAMESPACE_MINING = "block.namespace_mining"
    BLOCK_COMPLAINTS = "block.complaints"
    BLOCK_SENDER = "block.sender"
    BLOCK_TENANT = "block.tenant"
    BLOCK_POLICY = "block.policy"
    BLOCK_TEMPORARY = "block.temporary"

    AUTH_SPF = "auth.spf"
    AUTH_DKIM = "auth.dkim"
    AUTH_DMARC = "auth.dmarc"
    AUTH_DMARC_MISSING = "auth.dmarc_missing"
    AUTH_ALIGNMENT = "auth.alignment"
    AUTH_ARC = "auth.arc"
    AUTH_PTR = "auth.ptr"
    AUTH_IPV6 = "auth.ipv6"
    AUTH_FROM_DOMAIN_DNS = "auth.from_domain_dns"
    AUTH_SENDER_REQUIREMENTS = "auth.sender_requirements"
    AUTH_UNAUTHENTICATED = "auth.unauthenticated"

    CONTENT_SPAM = "content.spam"
    CONTENT_URL = "content.url"
    CONTENT_ATTACHMENT = "content.attachment"
    CONTENT_VIRUS = "content.virus"
    CONTENT_PHISHING_OR_MALWARE = "content.phishing_or_malware"
    CONTENT_TOO_LARGE = "content.too_large"
    CONTENT_MALFORMED = "content.malformed"
    CONTENT_INTEGRITY = "content.integrity"
    CONTENT_DUPLICATE_MESSAGE_ID = "content.duplicate_message_id"

    POLICY_RECIPIENT = "policy.recipient"
    POLICY_OTHER = "policy.other"

    TLS_REQUIRED = "tls.required"
    TLS_POLICY = "tls.policy"
    TLS_UNSUPPORTED = "tls.unsupported"
    TLS_CRYPTO = "tls.crypto"
    TLS_REQUIRETLS = "tls.requiretls"
    TLS_HANDSHAKE = "tls.handshake"
    TLS_CERTIFICATE = "tls.certificate"
    TLS_MTA_STS = "tls.mta_sts"  # its MTA-STS policy names none of the hosts that its MX records name
    TLS_DANE = "tls.dane"  # its TLSA records name another certificate, or cannot be had while they are said to exist

    PROTOCOL_ERROR = "protocol.error"
    PROTOCOL_HELO = "protocol.helo"
    PROTOCOL_AUTH_REQUIRED = "protocol.auth_required"
    PROTOCOL_TOO_MANY_RECIPIENTS = "protocol.too_many_recipients"
    PROTOCOL_MULTI_DOMAIN = "protocol.multi_domain"
    PROTOCOL_UNSUPPORTED = "protocol.unsupported"
    PROTOCOL_PRIORITY = "protocol.priority"
    PROTOCOL_SMTPUTF8 = "protocol.smtputf8"

    NETWORK_NO_ANSWER = "network.no_answer"
    NETWORK_BAD_CONNECTION = "network.bad_connection"
    NETWORK_DNS = "network.dns"
    NETWORK_ROUTING = "network.routing"
    NETWORK_LOOP = "network.loop"
    NETWORK_OTHER = "network.other"
    NETWORK_ANSWER_LOST = "network.answer_lost"  # the dot was written; no answer came

    CONNECTION_CLOSED = "connection.closed"
    CONNECTION_IPV6_REFUSED = "connection.ipv6_refused"

    LOCAL_ERROR = "local.error"  # a surprise on our side: temporary for the mail, loud for us
    LOCAL_CRASH = "local.crash"  # the engine died with this delivery in its hands
    LOCAL_REFUSED_ADDRESS = "local.refused_address"  # the MX resolves to an address that policy forbids


class Remedy(StrEnum):
    """What would help. It decides between the verdicts; the fault only decides who is counted."""

    ANOTHER_PATH = "another_path"  # ours: another sending IP may get through; never a bounce at first sight
    WAIT = "wait"  # nobody's path helps now; never a bounce at first sight either
    AS_SAID = "as_said"  # take the reply at its word: 4xx again later, 5xx final


class ActionKind(StrEnum):
    """What a response rule does to its scope."""

    SUSPEND = "suspend"
    REDUCE_RATE = "reduce_rate"
    REDUCE_CONNECTIONS = "reduce_connections"
    REDUCE_DELIVERIES = "reduce_deliveries"
    REDUCE_RECIPIENTS = "reduce_recipients"
    HOLD = "hold"
    REQUIRE_TLS = "require_tls"
    PREFER_IPV4 = "prefer_ipv4"
    SPLIT_BY_DOMAIN = "split_by_domain"


class ActionScope(StrEnum):
    """To what. All but IP hold at one provider only."""

    PATH = "path"
    IP = "ip"
    NETBLOCK = "netblock"
    SIGNING_DOMAIN = "signing_domain"
    TENANT = "tenant"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class PathAction:
    """What a response rule wants done once `trigger_count` matches fell within `trigger_period_s`; duration_s 0: until it is lifted."""

    kind: ActionKind
    scope: ActionScope
    duration_s: int
    trigger_count: int
    trigger_period_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's result. `action` is what its response rule wants done to the path, if anything."""

    verdict: Verdict
    reason: Reason
    fault: Fault
    rule: str | None = None
    action: PathAction | None = None


def _meanings() -> dict[Reason, tuple[Fault, Remedy]]:
    """Every reason's fault and remedy, written by family; what a family says first its members may correct."""
    ours, theirs, message, recipient = Fault.INFRASTRUCTURE, Fault.DESTINATION, Fault.MESSAGE, Fault.RECIPIENT
    reroute, wait, as_said = Remedy.ANOTHER_PATH, Remedy.WAIT, Remedy.AS_SAID
    families = {
        "accepted": (Fault.NONE, as_said),
        "expired": (theirs, as_said),
        "undetermined": (theirs, as_said),
        "suppressed": (recipient, as_said),
        "hard": (recipient, as_said),
        "soft": (theirs, as_said),
        "rate_limited": (ours, reroute),
        "block": (ours, reroute),
        "auth": (message, as_said),
        "content": (message, as_said),
        "policy": (theirs, as_said),
        "tls": (theirs, wait),
        "protocol": (theirs, as_said),
        "network": (ours, reroute),
        "connection": (ours, reroute),
        "local": (ours, reroute),
    }
    members = {
        Reason.HARD_INVALID_SENDER: (ours, wait),  # the envelope sender is the platform's own (VERP), its DNS too
        Reason.HARD_RELAY_DENIED: (theirs, as_said),  # most often a wrong MX: the mailbox may exist
        Reason.SOFT_GREYLIST: (theirs, wait),  # the same path again, later: another one starts from the beginning
        Reason.SOFT_MAILBOX_FULL: (recipient, as_said),
        Reason.SOFT_INVALID_MAILBOX: (recipient, as_said),
        Reason.RATE_RECIPIENT: (theirs, wait),  # the mailbox's own limit, over all its senders
        Reason.RATE_DOMAIN: (ours, wait),  # counted by signing domain: every path of ours shares it
        Reason.RATE_SENDER: (ours, wait),
        Reason.RATE_DAILY: (ours, wait),
        Reason.BLOCK_DNSBL_DEAD: (theirs, wait),  # it asks a list that no longer exists and takes silence for a listing
        Reason.BLOCK_DOMAIN_REPUTATION: (message, as_said),  # names the tenant's domain: no IP of ours changes that
        Reason.BLOCK_DOMAIN_DNSBL: (message, as_said),
        Reason.BLOCK_SENDER: (message, as_said),
        Reason.AUTH_SPF: (ours, reroute),  # the envelope domain and the IP are both ours (VERP)
        Reason.AUTH_PTR: (ours, reroute),
        Reason.AUTH_IPV6: (ours, reroute),
        Reason.TLS_REQUIRED: (ours, reroute),  # it says that we came without TLS
        Reason.TLS_POLICY: (ours, reroute),
        Reason.PROTOCOL_HELO: (ours, reroute),
        Reason.PROTOCOL_TOO_MANY_RECIPIENTS: (ours, reroute),  # one recipient a transaction: it counts the session or the hour
        Reason.PROTOCOL_MULTI_DOMAIN: (ours, reroute),
        Reason.NETWORK_DNS: (theirs, wait),
        Reason.NETWORK_LOOP: (theirs, as_said),
        Reason.LOCAL_REFUSED_ADDRESS: (theirs, wait),
    }
    return {reason: members.get(reason) or families[reason.partition(".")[0]] for reason in Reason}


MEANING = _meanings()


def fault_of(reason: Reason) -> Fault:
    """Whose fault a failure for this reason is; total."""
    return MEANING[reason][0]


def remedy_of(reason: Reason) -> Remedy:
    """What would help against it; total."""
    return MEANING[reason][1]
