"""Free ports of 127.0.0.1 that stay ours while a server is down.

A test kills a server and starts it again on the same port, so between the two nobody else may
take it. Ports come from below the kernel's ephemeral range, where no outgoing connection can
land, and each is claimed by an abstract Unix socket: the claim needs no file and ends with the
process that made it.
"""

import random
import socket

FIRST, LAST = 15000, 31999
TRIES = 500

_claims: dict[int, socket.socket] = {}


def claim() -> int:
    """Returns a port that nothing listens on, claimed until this process ends."""
    for _ in range(TRIES):
        port = random.randint(FIRST, LAST)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            mark.bind(f"\0celeriac-test-port-{port}")
        except OSError:
            mark.close()
            continue
        if _is_free(port):
            _claims[port] = mark
            return port
        mark.close()
    raise RuntimeError(f"no free port between {FIRST} and {LAST} in {TRIES} tries")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
