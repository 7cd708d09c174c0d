"""kill -9 in the middle of rounds: what is written is whole, and the next steward comes to the same."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from mailplatform.sandbox.aside import Aside
from mailplatform.shell.models import Notice
from pools.listings.models import Listing, ListingPolicy
from tests.listings.conftest import Watch, open_listings

ZEN = "zen.spamhaus.org"
STEWARD = """
import os
import time
import django
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = os.environ["DATABASE"]
settings.RESOLVER = os.environ["SERVER"]
from mailplatform.shell.clock import now
from pools.listings.round import begin
make = begin()
print("ready", flush=True)
while True:
    make(now())
    time.sleep(0.005)
"""


@pytest.mark.django_db(transaction=True)
def test_a_kill_leaves_whole_listings_and_the_next_steward_goes_on(watch: Watch, well: Aside) -> None:
    ListingPolicy.objects.filter(mode="sandbox").update(ask_every_s=1, confirm_after_s=0)
    environment = {**os.environ, "DATABASE": str(connection.settings_dict["NAME"]), "SERVER": well.resolver, "DJANGO_SETTINGS_MODULE": "mailplatform.settings"}
    for turn in range(2):
        process = subprocess.Popen([sys.executable, "-c", STEWARD], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            if turn == 0:
                _until_it_has_written(well)
            for change in range(6):
                well.control({"action": "dnsbl_remove" if change % 2 else "dnsbl_add", "ip": "127.10.1.2"})
                time.sleep(0.06 + 0.15 * turn)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        _whole()
    well.control({"action": "dnsbl_add", "ip": "127.10.1.2"})
    watch.steps(4, 2)
    assert open_listings() == {("127.10.1.2", ZEN): "critical"}
    _whole()


def _until_it_has_written(well: Aside) -> None:
    """However busy the machine is: the kills that follow meet a steward that writes."""
    well.control({"action": "dnsbl_add", "ip": "127.10.1.2"})
    until_s = time.monotonic() + 30
    while not Listing.objects.exists():
        assert time.monotonic() < until_s, "a steward lists what a block list says"
        time.sleep(0.02)


def _whole() -> None:
    open_ = Listing.objects.filter(cleared_at=None)
    assert open_.count() <= 1
    assert Notice.objects.filter(kind="ip_listed", cleared_at=None).count() == open_.count(), "a listing and its notice are one"
