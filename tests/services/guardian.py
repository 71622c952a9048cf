"""The last one out: kills what a session started when the session itself is gone.

Run as a process of its own: in its own process session, so that a Ctrl-C at the terminal passes it
by, and nobody's child, so that ctest, which kills a test that takes too long with all its
descendants, does not find it. Standard input is a pipe whose other end only the harness holds: when
the harness ends, in whatever way, SIGKILL included, the pipe closes and everything still registered
is killed and removed; standard output closes when that is done. Lines understood:

    group PGID      a process group was started
    gone PGID       that group has ended and has been reaped
    remove PATH     a folder to delete at the end
    keep PATH       do not delete that folder after all
"""

import os
import shutil
import signal
import sys
import time

GRACE_S = 0.3  # PostgreSQL's children notice their postmaster's death within this


def main() -> int:
    if os.fork() > 0:
        return 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        verb, _, argument = line.rstrip("\n").partition(" ")
        if verb == "group":
            groups.add(int(argument))
        elif verb == "gone":
            groups.discard(int(argument))
        elif verb == "remove":
            folders.append(argument)
        elif verb == "keep" and argument in folders:
            folders.remove(argument)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if groups:
        time.sleep(GRACE_S)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
