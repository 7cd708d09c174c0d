"""Limits: how much one client, one address and all of them together may take of a listener. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one process's listeners; what is beyond is answered 421 or 452, never with a wait."""

    message_bytes: int
    sessions: int = 1_000
    sessions_per_address: int = 100
    recipients: int = 1_000
    idle_s: float = 300.0  # RFC 5321 §4.5.3.2.7: a server waits for the next command at least so long
    login_s: float = 60.0  # without AUTH, where the service wants one
    body_s: float = 600.0  # a whole message, however slowly it drips
    session_s: float = 3_600.0
    bad_commands: int = 20
    idle_commands: int = 200  # in a row without a message: NOOP, RSET, EHLO, MAIL …
    bodies_bytes: int = 256 * 1024 * 1024  # of all messages that are being read or stored
    login_delay_s: float = 0.25  # before the answer to a failed login; doubles with each, up to 4 s
    failed_logins: int = 10  # of an address, within FAILED_WITHIN_S of the gate
