"""Freeze a node: an operator starts the drill in the console; its agent obeys, finds and replaces its engines; the report says what it took."""

import json

import pytest

from tests.flow.platform import Platform, wait_until
from tests.flow.words import fresh

# What an operator's browser does: start it, look at its page until it has ended, and at the overview.
CONSOLE = """
import json, sys, time
from django.test import Client
from mailplatform.tenants.models import User
from monitoring.drills.models import Drill
client = Client(headers={"host": "127.0.0.1"})
client.force_login(User.objects.get(email="operator@platform.example"), backend="allauth.account.auth_backends.AuthenticationBackend")
begun = client.post("/drills/freeze_node/start/")
until = time.monotonic() + 60
while Drill.objects.filter(state="running").exists() and time.monotonic() < until:
    time.sleep(0.2)
drill = Drill.objects.order_by("-id").first()
report, overview = client.get(f"/drills/{drill.pk}/").content.decode(), client.get("/").content.decode()
print("SEEN " + json.dumps({
    "went_to": begun.headers["Location"], "pk": drill.pk, "state": drill.state, "why": drill.why, "verdict": drill.verdict, "figures": drill.figures,
    "objectives": drill.objectives, "report": [words in report for words in ("SIGSTOP to the engines of", "Recovery time", "given back")],
    "overview": "Freeze another" in overview,
}))
"""


@pytest.mark.long
def test_it_is_measured_and_its_mail_arrives_once(platform: Platform) -> None:
    run = fresh()
    common = {"from": platform.address(), "text": "Hello", "stream": "notification"}
    batch = [{**common, "to": f"user{n}@{run}-{n % 40}.example", "subject": f"{n}"} for n in range(900)]
    status, answer = platform.client().post("/api/v1/messages/batch", {"messages": batch})
    assert status == 202
    ids = [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]
    said = platform.manage("shell", "-c", CONSOLE)
    seen = json.loads(said.split("SEEN ")[1])
    print(seen)
    assert seen["went_to"] == f"/drills/{seen['pk']}/"
    assert (seen["state"], seen["why"]) == ("done", "")
    assert seen["figures"]["found_ms"] < 10_000, "strict figures are the benchmark's"
    assert (seen["figures"]["lost"], seen["figures"]["doubled"]) == (0, 0)
    assert seen["report"] == [True, True, True]
    assert seen["overview"]
    assert {line["name"] for line in seen["objectives"]} >= {"Detected within", "Recovery time", "Lost at most", "Doubled at most"}
    final = "SELECT final, count(*) FROM delivery_delivery WHERE id = ANY(%s::uuid[]) GROUP BY 1"
    wait_until(lambda: platform.rows(final, ids) == [("delivered", len(ids))], 90, "all were delivered", every_s=0.3)
