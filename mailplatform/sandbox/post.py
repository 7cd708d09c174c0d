"""The simulated internet's post: what goes back is brought to the mail host of its address, as a server on the internet would bring it.

Owns: what is on its way, and a record of the last thousands. Promises: MX by the world's own DNS, STARTTLS where it is offered, the null sender, a
message again until it is taken or refused for good, or `MOST_TRIES` have failed; without a port nothing is sent. Never: answers mail from
the null sender.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import aiosmtplib

MOST_TRIES = 40
LONGEST_PAUSE_S = 15.0
KEPT = 5_000
AT_ONCE = 20
Records = Callable[[str], dict[str, list[str]] | None]


class Post:
    def __init__(self, records: Records, port: int, feedback: str) -> None:
        self._records, self.port, self.feedback = records, port, feedback
        self._room = asyncio.Semaphore(AT_ONCE)
        self.sent: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._number = 0

    def feedback_for(self, sender: str) -> str:
        """Where complaints about this return path go: as it was registered, else fbl@ its domain."""
        return self.feedback or f"fbl@{sender.rpartition('@')[2]}"

    async def bring(self, kind: str, rcpt: str, to: str, raw: bytes, mail_from: str = "") -> None:
        """Until it is taken or cannot be."""
        if not self.port or not to:
            return
        self._number += 1
        row: dict[str, Any] = {"n": self._number, "kind": kind, "rcpt": rcpt, "to": to, "state": "on its way", "tries": 0, "reply": "", "at": _now_ms()}
        self.sent.append(row)
        pause_s = 0.3
        while row["state"] == "on its way":
            async with self._room:
                row["tries"] += 1
                row["state"], row["reply"] = await self._try(mail_from, to, raw)
            if row["state"] == "on its way":
                if row["tries"] >= MOST_TRIES:
                    row["state"] = "given up"
                    break
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        row["at"] = _now_ms()
        self.counts[f"{kind} {row['state']}"] += 1

    async def _try(self, mail_from: str, to: str, raw: bytes) -> tuple[str, str]:
        address = self._address(to.rpartition("@")[2])
        if address is None:
            return "refused", "its domain has no mail host"
        try:
            client = aiosmtplib.SMTP(hostname=address, port=self.port, timeout=20, validate_certs=False, local_hostname="mail.sandbox.test")
            async with client:
                _, reply = await client.sendmail(mail_from, [to], raw)
        except aiosmtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[0].code, error.recipients[0].message
        except aiosmtplib.SMTPResponseException as error:
            code, text = error.code, error.message
        except (OSError, aiosmtplib.SMTPException, TimeoutError) as error:
            code, text = 0, str(error)
        else:
            return "taken", str(reply)
        return ("refused" if code >= 500 else "on its way"), f"{code} {text}".strip()

    def _address(self, domain: str) -> str | None:
        """The best MX's address (RFC 5321 §5.1)."""
        hosts = sorted((self._records(domain) or {}).get("MX", []), key=lambda mx: int(mx.split()[0]))
        name = hosts[0].split()[1].rstrip(".") if hosts else domain
        return next(iter((self._records(name) or {}).get("A", [])), None)


def _now_ms() -> int:
    return int(time.time() * 1000)
