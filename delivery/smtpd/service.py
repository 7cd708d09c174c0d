"""Service: what a listener asks of whoever the mail is for.

A session asks and says what it is told. A refusal is a whole reply, `550 5.7.1 Text`, in ASCII and one line; None lets it go on. A service may
take its time: the session waits, and its client with it. An exception is answered 451 4.3.0 and logged.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class Client:
    """Who speaks: `address` as the proxy says where there is one; `login` is what the service made of AUTH."""

    address: str
    helo: str = ""
    tls: str = ""  # protocol and cipher; empty: in the clear
    login: Any = None


@dataclass(slots=True)
class Mail:
    """One transaction; `sender` is empty for the null sender, `recipients` are those that RCPT accepted, as they were written."""

    sender: str
    size_bytes: int = 0  # as the client announced it; 0: it did not
    smtputf8: bool = False
    eight_bit: bool = False
    recipients: list[str] = field(default_factory=list)


class Service(Protocol):
    """The decisions of a listener. `wants_login`: MAIL only after AUTH, AUTH only under TLS."""

    wants_login: bool

    async def opened(self, client: Client) -> str | None:
        """Somebody connected: why to send them away (421 or 554), or None."""

    async def login(self, client: Client, user: str, password: str) -> str | None:
        """AUTH: sets `client.login`, or says why not."""

    async def mail(self, client: Client, mail: Mail) -> str | None:
        """MAIL."""

    async def rcpt(self, client: Client, mail: Mail, address: str) -> str | None:
        """RCPT."""

    async def message(self, client: Client, mail: Mail, body: bytes) -> str:
        """The message, with CRLF line ends as they came and the dots taken out: its reply. 250 makes it ours."""
