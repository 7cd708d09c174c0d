"""A verifier that nobody here wrote, in a world of its own: a network namespace with nothing but a loopback, where the name server at port 53 says what a
zones file says. OpenDKIM's library asks the servers of /etc/resolv.conf at port 53 and can be told of no other; so it is given such a world.

`python -m tests.domains.stranger ZONES MESSAGE` verifies; run it by `verify()`, which makes the namespaces (no privileges are needed where the kernel
lets users make them).
"""

import asyncio
import fcntl
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = shutil.which("opendkim-testmsg") or "/usr/sbin/opendkim-testmsg"


def missing() -> str:
    """Why this cannot be done here; empty when it can."""
    if not Path(PROGRAM).exists():
        return "this needs opendkim-testmsg: apt-get install opendkim-tools"
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "--net", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "this needs namespaces, which are refused here"


def verify(zones: Path, message: Path) -> tuple[int, str]:
    """(exit status, what it said); 0 and nothing: every signature that it knows verifies."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "--net", sys.executable, "-m", "tests.domains.stranger", str(zones), str(message)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def _inside(zones: Path, message: Path) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP | IFF_RUNNING))
    conf = message.with_suffix(".resolv")
    conf.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    subprocess.run(["mount", "--bind", str(conf), str(Path("/etc/resolv.conf").resolve())], check=True)
    return asyncio.run(_verify(zones, message))


async def _verify(zones: Path, message: Path) -> int:
    from mailplatform.sandbox.dns import Directory, DnsServer
    from mailplatform.sandbox.zones import BlockLists, Zones

    server = DnsServer(Directory(Zones(zones), BlockLists(), lambda host, site: "127.0.0.1"), "127.0.0.1", 53)
    await server.start()
    with message.open("rb") as given:
        process = await asyncio.create_subprocess_exec(PROGRAM, "-C", stdin=given, stdout=sys.stdout, stderr=sys.stderr)
        status = await asyncio.wait_for(process.wait(), 40)
    print(f"{server.directory.asked} questions were asked", file=sys.stderr) if status else None
    await server.stop()
    return status


if __name__ == "__main__":
    sys.exit(_inside(Path(sys.argv[1]), Path(sys.argv[2])))
