"""Demo traffic: a few messages a second from three tenants, through the REST API as any customer would send them.

`python -m mailplatform.up.demo`; needs DATA_DIR (demo-keys.json) and PUBLIC_URL, nothing else of the platform. Promises: bounded
(`RATE_PER_S`, one request at a time), slower when the API asks for it, ends at once on SIGTERM. Never: a recipient outside the sandbox.
Mostly people who exist; a few unknown, full, greylisted, slow or complaining ones, with a plus address each, so that a suppression stops one of them only.
"""

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

RATE_PER_S = 3.0
CAMPAIGN_EVERY_S = 60.0
CAMPAIGN_SIZE = (15, 40)
LONGEST_PAUSE_S = 15.0
ATTEMPT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Sender:
    """A demo tenant as its own software sees it."""

    tenant: str
    title: str
    domain: str
    weight: float
    purposes: tuple[float, float, float]  # shares of transactional, notification, marketing


SENDERS = (
    Sender("harbour", "Harbour Bank", "harbourbank.example", 1.0, (0.6, 0.35, 0.05)),
    Sender("lumen", "Lumen", "lumen.example", 1.3, (0.2, 0.4, 0.4)),
    Sender("fieldnotes", "Field Notes", "fieldnotes.example", 0.7, (0.1, 0.3, 0.6)),
)
STREAMS = ("transactional", "notification", "marketing")
SUBJECTS = {
    "transactional": ("Your sign-in code is {n}", "Receipt for order {n}", "Reset your password", "Payment of EUR {n} received", "Confirm your address"),
    "notification": ("{name} replied to your comment", "Your statement is ready", "Delivery {n} is on its way", "Three new followers this week"),
    "marketing": ("What is new this autumn", "Field notes, issue {n}", "{name}, your autumn selection", "Last days: 20 % on everything", "An invitation"),
}
DOMAINS = (
    ("gmail.com", 34), ("outlook.com", 10), ("hotmail.com", 5), ("yahoo.com", 11), ("icloud.com", 9), ("gmx.de", 4), ("web.de", 3),
    ("orange.fr", 3), ("corner-bakery.example", 3), ("riverside-clinic.example", 3), ("oakfield-school.example", 3), ("printshop.example", 2),
)  # fmt: skip
NAMES = (
    "Anna", "Ben", "Carla", "Davide", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lena", "Milan", "Nora", "Oskar", "Paula",
    "Quentin", "Rosa", "Samir", "Tilda", "Umut", "Vera", "Wim", "Xenia", "Yusuf", "Zoe",
)  # fmt: skip
FAMILIES = ("Keller", "Moreau", "Rossi", "Larsen", "Novak", "Silva", "Yilmaz", "Dubois", "Weber", "Jansen", "Costa", "Olsen")
TROUBLE = (
    ("greylist", 10), ("slow", 8), ("full", 4), ("bounce", 4), ("complaint", 1), ("defer-1", 3), ("vacation", 3), ("late-bounce", 1), ("late-full", 1),
    ("late-delay", 1),
)  # fmt: skip
TROUBLE_SHARE = 0.02


def recipient(dice: random.Random) -> tuple[str, str]:
    """A name and an address."""
    name, family = dice.choice(NAMES), dice.choice(FAMILIES)
    domain = dice.choices([d for d, _ in DOMAINS], [w for _, w in DOMAINS])[0]
    if dice.random() < TROUBLE_SHARE:
        local = dice.choices([t for t, _ in TROUBLE], [w for _, w in TROUBLE])[0] + f"+{dice.randrange(16**6):06x}"
    else:
        local = f"{name}.{family}{dice.randrange(1, 90)}".lower()
    return name, f"{local}@{domain}"


def message(dice: random.Random, sender: Sender, stream: str, to: tuple[str, str]) -> dict[str, object]:
    """A message as a tenant's software would post it."""
    name, address = to
    subject = dice.choice(SUBJECTS[stream]).format(n=dice.randrange(100_000, 999_999), name=name)
    text = f"Hello {name},\n\n{subject}.\n\nThis is demo traffic: a made-up message to a made-up person in a simulated internet.\n\n{sender.title}\n"
    html = "".join(f"<p>{paragraph}</p>" for paragraph in text.strip().split("\n\n"))
    return {
        "from": f"{sender.title} <{'news' if stream == 'marketing' else 'hello'}@{sender.domain}>", "to": address, "subject": subject,
        "text": text, "html": html, "stream": stream, "tags": ["demo", stream],
    }  # fmt: skip


class Api:
    """One kept connection to the API; a lost one is made again with the next request."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=ATTEMPT_TIMEOUT_S)

    def post(self, path: str, key: str, body: object) -> tuple[int, float]:
        """The status, 0 when nobody answered, and how long the server asks to wait."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            self._connection.request("POST", path, json.dumps(body), headers)
            response = self._connection.getresponse()
            response.read()
            return response.status, float(response.headers.get("Retry-After") or 0)
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            return 0, 0.0


@dataclass(slots=True)
class Traffic:
    """The generator: one step sends one request. `wait` sleeps and says whether to stop."""

    api: Api
    keys: dict[str, str]
    dice: random.Random
    wait: Callable[[float], bool]
    sent: int = 0
    pause_s: float = 0.0
    campaign_due_s: float = 20.0

    def run(self) -> None:
        began = time.monotonic()
        while not self.wait(self.pause_s or self.dice.expovariate(RATE_PER_S)):
            if time.monotonic() - began >= self.campaign_due_s:
                self.campaign_due_s += CAMPAIGN_EVERY_S
                self.campaign()
            else:
                self.single()

    def single(self) -> None:
        sender = self._sender()
        stream = self.dice.choices(STREAMS, sender.purposes)[0]
        self._post("/api/v1/messages", sender, message(self.dice, sender, stream, recipient(self.dice)), 1)

    def campaign(self) -> None:
        """Some marketing at once, as a batch."""
        sender = self._sender()
        subject = self.dice.choice(SUBJECTS["marketing"]).format(n=self.dice.randrange(10, 99), name="Friends")
        messages = [message(self.dice, sender, "marketing", recipient(self.dice)) | {"subject": subject} for _ in range(self.dice.randint(*CAMPAIGN_SIZE))]
        self._post("/api/v1/messages/batch", sender, {"messages": messages}, len(messages))

    def _sender(self) -> Sender:
        known = [sender for sender in SENDERS if sender.tenant in self.keys]
        return self.dice.choices(known, [sender.weight for sender in known])[0]

    def _post(self, path: str, sender: Sender, body: object, count: int) -> None:
        status, asked_s = self.api.post(path, self.keys[sender.tenant], body)
        if status == 202:
            self.sent += count
            self.pause_s = 0.0
        else:  # not there, or asks for less: slower each time
            self.pause_s = min(LONGEST_PAUSE_S, max(asked_s, 2 * self.pause_s, 0.5))


def read_keys(data: Path) -> dict[str, str]:
    """Each demo tenant's key; empty when there are none (yet)."""
    try:
        keys = json.loads((data / "demo-keys.json").read_text())
    except (OSError, ValueError):
        return {}
    return {tenant: key for tenant, key in keys.items() if isinstance(key, str) and any(sender.tenant == tenant for sender in SENDERS)}


def main() -> None:
    if os.environ.get("MAIL_MODE", "sandbox") != "sandbox":
        sys.exit("Demo traffic is for the sandbox: its people are made up, their domains are not.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    data = Path(os.environ.get("DATA_DIR", "var"))
    while not (keys := read_keys(data)):
        if stop.wait(2):
            return
    Traffic(Api(os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000")), keys, random.Random(), stop.wait).run()  # noqa: S311 - made-up people


if __name__ == "__main__":
    main()
