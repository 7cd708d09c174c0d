"""From the provider's words, or the way the conversation broke, to verdict, reason and fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.classify.classify import classify, classify_connect, classify_transcript
from delivery.classify.rulebook import RuleBook
from delivery.smtp.connect import ConnectFailure
from delivery.smtp.wire import Failure, Phase, Reply, Transcript
from pools.outcomes import MEANING, ActionKind, Fault, Outcome, Reason, Remedy, Verdict
from pools.providers import shipped
from tests.classify.replies import GO_ON, OK, book, broke, reply, said

TAIL = "mx:example.com"
EVERY_PHASE = [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY]
FINAL = (Verdict.BOUNCED, Verdict.SUPPRESSED)


def outcome(text: str, key: str = TAIL, phase: Phase = Phase.RCPT) -> Outcome:
    return classify_transcript(said(text, phase), key, book())


def test_every_reason_has_a_fault_and_a_remedy() -> None:
    assert set(MEANING) == set(Reason)


def test_a_yes_after_the_dot_delivers() -> None:
    assert outcome("250 2.0.0 queued as 123", phase=Phase.BODY) == Outcome(Verdict.DELIVERED, Reason.ACCEPTED, Fault.NONE)


def test_a_cut_after_the_yes_changes_nothing() -> None:
    done = Transcript(OK, OK, GO_ON, OK, Phase.BODY, Failure.CUT, True)
    assert classify_transcript(done, TAIL, book()).verdict is Verdict.DELIVERED


@pytest.mark.parametrize("failure", [Failure.CUT, Failure.TIMEOUT, Failure.PROTOCOL])
def test_the_dot_without_an_answer_is_unknown(failure: Failure) -> None:
    found = classify_transcript(broke(Phase.BODY, failure, dot_written=True), TAIL, book())
    assert (found.verdict, found.reason, found.fault) == (Verdict.UNKNOWN, Reason.NETWORK_ANSWER_LOST, Fault.INFRASTRUCTURE)


@pytest.mark.parametrize("phase", EVERY_PHASE)
@pytest.mark.parametrize("failure", [Failure.CUT, Failure.TIMEOUT, Failure.PROTOCOL, Failure.FENCED])
def test_what_breaks_before_the_dot_goes_along_another_path(phase: Phase, failure: Failure) -> None:
    assert classify_transcript(broke(phase, failure), TAIL, book()).verdict is Verdict.REROUTED


@pytest.mark.parametrize("phase", EVERY_PHASE)
def test_421_in_every_phase_goes_along_another_path(phase: Phase) -> None:
    assert outcome("421 4.3.2 Service not available, closing transmission channel", phase=phase).verdict is Verdict.REROUTED


def test_a_refusal_counts_even_when_the_connection_is_cut_with_it() -> None:
    refused = Transcript(OK, reply("550 5.1.1 User unknown"), None, None, Phase.DATA, Failure.CUT, True)
    assert classify_transcript(refused, TAIL, book()).verdict is Verdict.SUPPRESSED


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", TAIL, Reason.BLOCK_DNSBL),
        ("550 5.7.1 part of their network is on our block list (S3150)", "microsoft_consumer", Reason.BLOCK_IP_REPUTATION),
        ("553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred", "yahoo", Reason.BLOCK_IP_REPUTATION),
        ("550 5.7.25 no PTR", "google", Reason.AUTH_PTR),
        ("550 5.7.1 unusual rate of unsolicited mail", "google", Reason.RATE_IP),
        ("550 5.7.1 Helo command rejected", TAIL, Reason.PROTOCOL_HELO),
        ("550 5.7.23 SPF validation failed", TAIL, Reason.AUTH_SPF),
        ("530 5.7.0 Must issue a STARTTLS command first", TAIL, Reason.TLS_REQUIRED),
        ("421 4.7.0 too many connections from your IP", TAIL, Reason.RATE_CONNECTIONS),
        ("421 RP-001 rate limit", "microsoft_365", Reason.RATE_IP),
        ("552 5.5.3 Too many recipients", TAIL, Reason.PROTOCOL_TOO_MANY_RECIPIENTS),
    ],
)
@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.BODY])
def test_what_is_our_fault_is_rerouted_and_never_bounces_at_once(text: str, key: str, reason: Reason, phase: Phase) -> None:
    found = outcome(text, key, phase)
    assert (found.verdict, found.reason, found.fault) == (Verdict.REROUTED, reason, Fault.INFRASTRUCTURE)


@pytest.mark.parametrize("reason", [reason for reason, (fault, _) in MEANING.items() if fault is Fault.INFRASTRUCTURE])
def test_no_reason_of_ours_is_final_by_itself(reason: Reason) -> None:
    assert MEANING[reason][1] in (Remedy.ANOTHER_PATH, Remedy.WAIT)


@pytest.mark.parametrize("text", ["550 5.1.1 User unknown", "550 5.2.1 account disabled", "550 No such user here", "551 5.1.6 recipient has moved"])
def test_a_recipient_that_is_gone_is_suppressed(text: str) -> None:
    found = outcome(text)
    assert (found.verdict, found.fault) == (Verdict.SUPPRESSED, Fault.RECIPIENT)


def test_the_enhanced_code_alone_suppresses_too() -> None:
    found = classify_transcript(said("550 5.1.1 jkl"), TAIL, RuleBook([]))
    assert (found.verdict, found.reason, found.rule) == (Verdict.SUPPRESSED, Reason.HARD_INVALID_MAILBOX, None)


def test_an_unknown_address_at_mail_is_the_senders_and_suppresses_nobody() -> None:
    found = outcome("550 5.1.1 User unknown", phase=Phase.MAIL)
    assert (found.verdict, found.reason, found.fault) == (Verdict.DEFERRED, Reason.HARD_INVALID_SENDER, Fault.INFRASTRUCTURE)


@pytest.mark.parametrize(
    ("text", "reason", "fault"),
    [
        ("554 5.7.1 message rejected as spam", Reason.CONTENT_SPAM, Fault.MESSAGE),
        ("552 5.3.4 message size exceeds fixed maximum", Reason.CONTENT_TOO_LARGE, Fault.MESSAGE),
        ("550 5.7.20 DKIM signature invalid", Reason.AUTH_DKIM, Fault.MESSAGE),
        ("552 5.2.2 mailbox full", Reason.SOFT_MAILBOX_FULL, Fault.RECIPIENT),
        ("554 5.7.1 Relay access denied", Reason.HARD_RELAY_DENIED, Fault.DESTINATION),
        ("550 5.7.1 rejected by policy", Reason.POLICY_OTHER, Fault.DESTINATION),
        ("599 odd", Reason.UNDETERMINED, Fault.DESTINATION),
        ("550 5.1.2 domain not found", Reason.HARD_INVALID_DOMAIN, Fault.RECIPIENT),
    ],
)
def test_what_is_final_but_no_proof_of_a_dead_mailbox_bounces_without_suppressing(text: str, reason: Reason, fault: Fault) -> None:
    found = outcome(text, phase=Phase.BODY)
    assert (found.verdict, found.reason, found.fault) == (Verdict.BOUNCED, reason, fault)


def test_our_domains_name_on_a_block_list_is_the_messages_and_bounces() -> None:
    found = outcome("550 5.7.1 domain present in the Spamhaus DBL", "apple")
    assert (found.verdict, found.fault) == (Verdict.BOUNCED, Fault.MESSAGE)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("451 4.7.1 Greylisted for 5 minutes", TAIL),
        ("451 Internal resource temporarily unavailable", "mimecast@eu"),
        ("450 Requested mail action not taken: mailbox unavailable Greylisted, please try again later", "gmx_webde"),
        ("421 4.7.0 Greylisted, try again in 300 seconds", TAIL),
    ],
)
def test_greylisting_waits_on_the_same_path(text: str, key: str) -> None:
    found = outcome(text, key)
    assert (found.verdict, found.reason) == (Verdict.DEFERRED, Reason.SOFT_GREYLIST)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("421 4.7.28 originating from your DKIM domain x", "google"),  # counted by signing domain
        ("421 4.7.1 Messages to a@icloud.com deferred due to excessive volume", "apple"),  # counted by mailbox
        ("421 4.7.26 rate limited because it is unauthenticated", "google"),  # the mail itself
    ],
)
def test_what_no_other_path_helps_waits_even_with_a_421(text: str, key: str) -> None:
    assert outcome(text, key).verdict is Verdict.DEFERRED


def test_a_temporary_reply_is_never_filed_under_a_dead_mailbox() -> None:
    found = outcome("450 4.1.1 User unknown in local recipient table")
    assert (found.verdict, found.reason) == (Verdict.DEFERRED, Reason.SOFT_INVALID_MAILBOX)


def test_a_5xx_that_its_provider_means_as_temporary_waits() -> None:
    assert outcome("550 Mailbox unavailable or access denied", "qq").verdict is Verdict.DEFERRED
    assert outcome("554 5.2.121 sender exceeded messages to this recipient per hour", "microsoft_365").verdict is Verdict.DEFERRED


def test_the_rules_action_comes_along() -> None:
    found = outcome("421 RP-003 connection limit", "microsoft_consumer")
    assert found.rule == "m-rp003"
    assert found.action is not None and found.action.kind is ActionKind.REDUCE_CONNECTIONS


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS])
@pytest.mark.parametrize("text", ["554 5.7.1 go away", "550 5.1.1 User unknown", "554 message rejected as spam", "421 busy", "450 4.3.2 not now"])
def test_before_mail_nothing_is_the_recipients_or_the_messages(phase: Phase, text: str) -> None:
    found = classify_connect(ConnectFailure(phase, Failure.PROTOCOL, reply(text)), TAIL, book())
    assert found.verdict is Verdict.REROUTED
    assert found.fault in (Fault.INFRASTRUCTURE, Fault.DESTINATION)


@pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.TIMEOUT, Failure.CUT, Failure.UNREACHABLE])
def test_a_failed_connect_goes_along_another_path(failure: Failure) -> None:
    found = classify_connect(ConnectFailure(Phase.CONNECT, failure), TAIL, book())
    assert (found.verdict, found.fault) == (Verdict.REROUTED, Fault.INFRASTRUCTURE)


@pytest.mark.parametrize("failure", [Failure.DNS, Failure.TLS_HANDSHAKE, Failure.TLS_CERTIFICATE, Failure.TLS_NOT_OFFERED, Failure.ADDRESS_REFUSED])
def test_what_is_broken_at_the_destination_waits_for_it(failure: Failure) -> None:
    found = classify_connect(ConnectFailure(Phase.STARTTLS, failure), TAIL, book())
    assert (found.verdict, found.fault) == (Verdict.DEFERRED, Fault.DESTINATION)


@pytest.mark.parametrize(("failure", "text"), [(Failure.TLS_NOT_OFFERED, "502 5.5.1 no EHLO"), (Failure.TLS_HANDSHAKE, "454 4.7.0 TLS not available")])
def test_what_a_host_says_instead_of_tls_is_still_about_its_tls(failure: Failure, text: str) -> None:
    found = classify_connect(ConnectFailure(Phase.STARTTLS, failure, reply(text)), TAIL, book())
    assert (found.verdict, found.fault, found.reason.partition(".")[0]) == (Verdict.DEFERRED, Fault.DESTINATION, "tls")


def test_a_routes_refused_password_waits_and_burns_no_other_path() -> None:
    found = classify_connect(ConnectFailure(Phase.AUTH, Failure.PROTOCOL, reply("535 5.7.8 Authentication credentials invalid")), TAIL, book())
    assert found.verdict is Verdict.DEFERRED


def test_a_message_that_the_peer_cannot_take_bounces() -> None:
    assert classify_transcript(broke(Phase.MAIL, Failure.UNSUPPORTED), TAIL, book()).verdict is Verdict.BOUNCED


SAMPLES = st.sampled_from([rule.samples[0] for rule in shipped.rules()])
REPLIES = st.builds(
    Reply,
    code=st.integers(0, 999),
    enhanced=st.none() | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True) | st.text(max_size=8),
    lines=st.lists(st.text(max_size=300) | SAMPLES, max_size=4).map(tuple),
)
MAYBE = st.none() | REPLIES
KEYS = st.sampled_from([TAIL, "google", "microsoft_365", "yahoo", "mimecast@eu", "", "\x00", "nobody"])
TRANSCRIPTS = st.builds(
    Transcript,
    mail=MAYBE,
    rcpt=MAYBE,
    data=MAYBE,
    final=MAYBE,
    phase=st.sampled_from(list(Phase)),
    failure=st.none() | st.sampled_from(list(Failure)),
    dot_written=st.booleans(),
)
FAILURES = st.builds(ConnectFailure, st.sampled_from(list(Phase)), st.sampled_from(list(Failure)), MAYBE)


@given(what=TRANSCRIPTS | FAILURES, key=KEYS)
def test_whatever_a_peer_says_has_an_outcome(what: Transcript | ConnectFailure, key: str) -> None:
    found = classify(what, key, book())
    answers = [what.reply] if isinstance(what, ConnectFailure) else [what.mail, what.rcpt, what.data, what.final]
    codes = {answer.code for answer in answers if answer is not None}
    if found.verdict in FINAL and found.reason is not Reason.PROTOCOL_UNSUPPORTED:
        assert any(500 <= code < 600 for code in codes)
        assert found.fault is not Fault.INFRASTRUCTURE
    if found.verdict is Verdict.SUPPRESSED:
        assert not isinstance(what, ConnectFailure) and found.fault is Fault.RECIPIENT
    if found.verdict is Verdict.DELIVERED:
        assert isinstance(what, Transcript) and what.accepted
    if isinstance(what, Transcript) and what.dot_written and what.final is None and not any(code >= 400 for code in codes):
        assert found.verdict is Verdict.UNKNOWN


@given(text=st.text(max_size=500), key=KEYS)
def test_a_4xx_is_never_final(text: str, key: str) -> None:
    for code in (421, 450, 451, 452, 499):
        assert classify_transcript(Transcript(OK, Reply(code, None, (text,)), None, None, Phase.RCPT, None, False), key, book()).verdict not in FINAL
