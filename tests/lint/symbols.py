"""The libraries, and celeriac-worker for the shared objects of -A, show what the headers promise and nothing else; the
shared library under its soname and version: symbols.py FILE..."""

import re
import subprocess
import sys

import tree

VERSION = "CELERIAC_0"
SONAME = "libceleriac.so.0"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


verdict = tree.Verdict("exported symbols")
listed = "include/celeriac/symbols.txt"
wanted = tree.read(listed).split()
if wanted != sorted(set(wanted)):
    verdict.breach(listed, 0, "is not sorted, or names something twice")
declared = {name for header in tree.public_headers()
            for name in re.findall(r"CELERIAC_PUBLIC\s[^;(]*?\b(celeriac_\w+)\s*\(", tree.code_of(tree.read(header)))}
for name in sorted(declared ^ set(wanted)):
    verdict.breach(listed, 0, f"{name} is " + ("declared but not listed" if name in declared else "listed but not declared"))

for file in sys.argv[1:]:
    shared = ".so" in file.rsplit("/", 1)[-1]
    rows = [line.split() for line in output("nm", "-g" if file.endswith(".a") else "-D", "--defined-only", file).splitlines()]
    # What a program copies from the C library bears that one's version.
    names = [row[2] for row in rows if len(row) == 3 and row[1] in "TDBRV" and "@GLIBC" not in row[2]]
    found = {name.partition("@")[0] for name in names}
    verdict.looked_at += len(found)
    for name in sorted(set(wanted) ^ found):
        verdict.breach(listed, 0, f"{name} is " + (f"promised but not exported by {file}" if name in wanted
                                                   else f"exported by {file} but not listed"))
    if shared:
        for name in names:
            if not name.endswith(f"@@{VERSION}"):
                verdict.breach(listed, 0, f"{name} does not bear the version {VERSION}")
        if f"[{SONAME}]" not in output("readelf", "-d", file):
            verdict.breach(listed, 0, f"{file} is not called {SONAME}")
verdict.finish()
