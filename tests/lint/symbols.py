"""The libraries export what the headers promise, and nothing else: symbols.py LIBRARY..."""

import subprocess
import sys

import tree

verdict = tree.Verdict("exported symbols")
wanted = set(tree.read("include/celeriac/symbols.txt").split())
for library in sys.argv[1:]:
    which = "-g" if library.endswith(".a") else "-D"
    table = subprocess.run(["nm", which, "--defined-only", library], capture_output=True, text=True, check=True)
    found = {line.split()[-1] for line in table.stdout.splitlines() if len(line.split()) == 3 and line.split()[1] in "TDBRV"}
    verdict.looked_at += len(found)
    for name in sorted(wanted - found):
        verdict.breach("include/celeriac/symbols.txt", 0, f"{name} is promised but not exported by {library}")
    for name in sorted(found - wanted):
        verdict.breach("include/celeriac/symbols.txt", 0, f"{name} is exported by {library} but not listed")
verdict.finish()
