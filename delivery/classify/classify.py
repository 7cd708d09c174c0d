"""Classifying: from what a server said, or how the conversation broke, to an outcome.

Checklist for a message on a session: the first refusal decides; a positive answer after the dot delivers; the dot without an answer
is unknown; everything that broke before the dot goes along another path. For a refusal: what does it mean (provider's rule,
general rule, enhanced code, code), whose fault is that and what would help (pools.outcomes), which verdict follows (`verdict_of`).

Promises: pure and total, whatever a peer says. 4xx is never final. Only a 5xx after RCPT suppresses. What is our infrastructure's fault
never bounces here: it is rerouted, and the engine's settling decides when no path is left. Never: acts on paths, counts, retries.
"""

from delivery.classify.rulebook import Rule, RuleBook
from delivery.smtp.connect import ConnectFailure
from delivery.smtp.wire import Failure, Phase, Reply, Transcript
from pools.outcomes import Fault, Outcome, Reason, Remedy, Verdict, fault_of, remedy_of
from pools.providers.shipped import enhanced_reasons

# What the enhanced code alone (no rule matched) may suppress for: the mailbox itself is gone (RFC 3463 §3.2, §3.3).
_SUPPRESSING = {Reason.HARD_INVALID_MAILBOX, Reason.HARD_MAILBOX_DISABLED, Reason.HARD_MAILBOX_INACTIVE, Reason.HARD_MAILBOX_MOVED}
_ABOUT_RECIPIENT = {Phase.RCPT, Phase.DATA, Phase.BODY}
_BEFORE_MAIL = {Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH}
_BROKEN: dict[Failure, Reason] = {
    Failure.TIMEOUT: Reason.NETWORK_NO_ANSWER,
    Failure.CUT: Reason.CONNECTION_CLOSED,
    Failure.PROTOCOL: Reason.PROTOCOL_ERROR,
    Failure.FENCED: Reason.LOCAL_ERROR,
    Failure.REFUSED: Reason.NETWORK_BAD_CONNECTION,
    Failure.UNREACHABLE: Reason.NETWORK_ROUTING,
    Failure.DNS: Reason.NETWORK_DNS,
    Failure.TLS_HANDSHAKE: Reason.TLS_HANDSHAKE,
    Failure.TLS_CERTIFICATE: Reason.TLS_CERTIFICATE,
    Failure.TLS_NOT_OFFERED: Reason.TLS_UNSUPPORTED,
    Failure.TLS_MTA_STS: Reason.TLS_MTA_STS,
    Failure.TLS_DANE: Reason.TLS_DANE,
    Failure.ADDRESS_REFUSED: Reason.LOCAL_REFUSED_ADDRESS,
    Failure.UNSUPPORTED: Reason.PROTOCOL_UNSUPPORTED,
}
_TLS = {Failure.TLS_HANDSHAKE, Failure.TLS_CERTIFICATE, Failure.TLS_NOT_OFFERED, Failure.TLS_MTA_STS, Failure.TLS_DANE}
_UNKNOWN = Outcome(Verdict.UNKNOWN, Reason.NETWORK_ANSWER_LOST, Fault.INFRASTRUCTURE)


def classify(what: Transcript | ConnectFailure, provider_key: str, rulebook: RuleBook) -> Outcome:
    """Either kind."""
    return classify_connect(what, provider_key, rulebook) if isinstance(what, ConnectFailure) else classify_transcript(what, provider_key, rulebook)


def classify_transcript(t: Transcript, provider_key: str, rulebook: RuleBook) -> Outcome:
    """What one message came to on a session."""
    for phase, reply in ((Phase.MAIL, t.mail), (Phase.RCPT, t.rcpt), (Phase.DATA, t.data)):
        if reply is not None and reply.code >= 400:
            return _refused(reply, phase, provider_key, rulebook)
    if t.final is not None and t.final.code >= 400:
        return _refused(t.final, Phase.BODY, provider_key, rulebook)
    if t.accepted:
        return Outcome(Verdict.DELIVERED, Reason.ACCEPTED, Fault.NONE)
    if t.dot_written:  # no answer, or one that is none: the message may have been taken
        return _UNKNOWN
    return _broken(t.failure)


def classify_connect(f: ConnectFailure, provider_key: str, rulebook: RuleBook) -> Outcome:
    """Why no session came to be. Nothing was said of recipient or message yet: such faults are not theirs."""
    if f.failure in _TLS:  # no EHLO, 454 to STARTTLS: whatever it said, what is wrong is its TLS, on every path alike
        return _broken(f.failure)
    if f.reply is not None and f.reply.code >= 400:
        return _refused(f.reply, f.phase if f.phase in _BEFORE_MAIL else Phase.CONNECT, provider_key, rulebook)
    return _broken(f.failure)


def verdict_of(reply: Reply, phase: Phase, reason: Reason, disposition: str, temporary_5xx: bool) -> Verdict:
    """The deterministic end of a refusal; docs/outcomes.md has it as a table."""
    permanent = 500 <= reply.code < 600
    remedy = remedy_of(reason)
    if phase is Phase.AUTH or remedy is Remedy.WAIT:  # a route's credentials: another path has the same ones
        return Verdict.DEFERRED
    if phase in _BEFORE_MAIL or remedy is Remedy.ANOTHER_PATH:
        return Verdict.REROUTED
    if not permanent:
        return Verdict.REROUTED if _hangs_up(reply, reason) else Verdict.DEFERRED
    if disposition == "retry" and temporary_5xx:
        return Verdict.DEFERRED
    return Verdict.SUPPRESSED if disposition == "suppress" and phase in _ABOUT_RECIPIENT else Verdict.BOUNCED


def _hangs_up(reply: Reply, reason: Reason) -> bool:
    """421 ends the session, in any phase (RFC 5321 §3.8): another path may do better, unless it was the mail that displeased."""
    return reply.code == 421 and fault_of(reason) is Fault.DESTINATION


def _refused(reply: Reply, phase: Phase, provider_key: str, rulebook: RuleBook) -> Outcome:
    rule = rulebook.match(reply.text, provider_key, temporary=reply.code < 500)
    reason = rule.reason if rule else _by_enhanced_code(reply)
    if reason is None:
        rule = rulebook.by_code(reply.text)
        reason = rule.reason if rule else _by_code(reply)
    reason = _seen_from(phase, reason)
    disposition, temporary = _disposition(rule, reason)
    verdict = verdict_of(reply, phase, reason, disposition, temporary)
    return Outcome(verdict, reason, _fault(phase, reason), rule.id if rule else None, rule.action if rule else None)


def _disposition(rule: Rule | None, reason: Reason) -> tuple[str, bool]:
    if rule is not None:
        return rule.disposition, rule.temporary_5xx
    return ("suppress" if reason in _SUPPRESSING else "bounce"), False


def _seen_from(phase: Phase, reason: Reason) -> Reason:
    """At MAIL no recipient was named yet: an unknown address is the sender's, a full store the server's."""
    if phase is not Phase.MAIL or fault_of(reason) is not Fault.RECIPIENT:
        return reason
    return {Reason.SOFT_MAILBOX_FULL: Reason.SOFT_SYSTEM_FULL, Reason.SOFT_INVALID_MAILBOX: Reason.SOFT_UNKNOWN}.get(reason, Reason.HARD_INVALID_SENDER)


def _fault(phase: Phase, reason: Reason) -> Fault:
    fault = fault_of(reason)
    return Fault.INFRASTRUCTURE if phase in _BEFORE_MAIL and fault in (Fault.RECIPIENT, Fault.MESSAGE) else fault


def _by_enhanced_code(reply: Reply) -> Reason | None:
    """By RFC 3463's code, when its class is the reply's."""
    kind, _, detail = (reply.enhanced or "").partition(".")
    return enhanced_reasons().get((int(kind), detail)) if kind in ("4", "5") and int(kind) == reply.code // 100 else None


def _by_code(reply: Reply) -> Reason:
    """By the first digit; a code outside of 4xx and 5xx is no SMTP."""
    return {4: Reason.SOFT_UNKNOWN, 5: Reason.UNDETERMINED}.get(reply.code // 100, Reason.PROTOCOL_ERROR)


def _broken(failure: Failure | None) -> Outcome:
    """Broken before the dot: no answer that decides, so nothing final, but for what the peer cannot take at all."""
    reason = _BROKEN.get(failure, Reason.LOCAL_ERROR) if failure is not None else Reason.PROTOCOL_ERROR
    if failure is Failure.UNSUPPORTED:
        return Outcome(Verdict.BOUNCED, reason, fault_of(reason))
    return Outcome(Verdict.DEFERRED if remedy_of(reason) is Remedy.WAIT else Verdict.REROUTED, reason, fault_of(reason))
