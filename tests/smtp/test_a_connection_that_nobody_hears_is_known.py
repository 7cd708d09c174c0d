"""Behind a cable that was cut nothing is acknowledged; a server that only thinks for long acknowledges all the same. In a network of its own."""

import subprocess
import sys

import pytest

from tests.flow.platform import ROOT

SCRIPT = """
import socket, sys, time
from delivery.smtp.unheard import is_unheard
from tests.bench import _own_network as network
if why := network.enter():
    print(why)
    sys.exit(77)
server = socket.create_server(("127.0.0.2", 0))
line = socket.create_connection(server.getsockname())
peer, _ = server.accept()
line.sendall(b"MAIL FROM:<a@b.test>\\r\\n")
time.sleep(0.5)
assert not is_unheard(line.fileno()), "it was acknowledged: whoever does not answer thinks"
network.drop(targets=["127.0.0.2"])
line.sendall(b"RCPT TO:<c@d.test>\\r\\n")
began = time.monotonic()
assert not is_unheard(line.fileno())
while not is_unheard(line.fileno()):
    assert time.monotonic() - began < 20, "nobody noticed"
    time.sleep(0.05)
network.heal()
while is_unheard(line.fileno()):
    assert time.monotonic() - began < 40, "it is heard again"
    time.sleep(0.05)
line.close()
assert not is_unheard(-1)
"""


def test_what_the_kernel_sends_in_vain_is_unheard() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=90)
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stderr
