"""The vocabulary of outcomes: what an attempt came to, why, and whose fault it was.

Everything that counts, scores, retries or explains mail speaks in these words and no others. A provider's own
words stay beside them in the attempt's reply, never instead of them.
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's result. `action` is what its response rule wants done to the path, if anything."""

    verdict: Verdict
    reason: Reason
    fault: Fault
    rule: str | None = None
    action: "PathAction | None" = None


@dataclass(frozen=True, slots=True)
class PathAction:
    """What a response rule does to a scope: `kind` suspend, reduce_rate, … for `duration_s` once `trigger_count` matches fell in an hour."""

    kind: str
    scope: str
    duration_s: int
    trigger_count: int
    trigger_period_s: int
