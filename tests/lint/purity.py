"""The codec does no I/O: its archive needs no socket, thread, clock, environment or log, and keeps no state.

    purity.py OBJDUMP ARCHIVE
"""

import re
import subprocess
import sys

import tree

# What pure code has no use for: the kernel, other threads, and those of our own modules that reach them.
IMPURE = re.compile(
    r"^(?:socket|connect|send\w*|recv\w*|read|write|open\w*|fopen\w*|poll|epoll_\w+|select|fork|exec\w*|"
    r"pthread_\w+|sem_\w+|thrd_\w+|mtx_\w+|time|clock\w*|gettimeofday|nanosleep|usleep|sleep|getenv|secure_getenv|"
    r"getrandom|random_\w+|uuid_new|log_\w+|settings_\w+|shutdown_\w+|printf|fprintf|puts|abort|exit)$")
STATE = re.compile(r"^(?:\.t?data|\.t?bss|COMMON)(?:\.(?!rel\.ro)|$)")

objdump, archive = sys.argv[1:]
verdict = tree.Verdict("codec is pure")
table = subprocess.run([objdump, "-t", archive], capture_output=True, text=True, check=True).stdout
member = archive
for line in table.splitlines():
    if line.endswith("elf64-x86-64") or "file format" in line:
        member = line.split(":")[0]
        continue
    # value, seven flags, section, size, name
    fields = re.match(r"^[0-9a-f]{8,16} (.{7}) (\S+)\t[0-9a-f]+ +(?:\.hidden )?(\S+)$", line)
    if not fields:
        continue
    flags, section, name = fields.groups()
    verdict.looked_at += 1
    if section == "*UND*" and IMPURE.match(name):
        verdict.breach(member, 0, f"needs {name}")
    if "O" in flags and STATE.match(section):
        verdict.breach(member, 0, f"keeps state in {name}")
if verdict.looked_at < 100:
    verdict.breach(archive, 0, "no symbols found")
verdict.finish()
