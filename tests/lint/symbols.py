"""The shared library exports what its headers promise, and nothing else: symbols.py LIBRARY."""

import subprocess
import sys

import tree

verdict = tree.Verdict("exported symbols")
wanted = set(tree.read("include/celeriac/symbols.txt").split())
table = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True)
found = {line.split()[-1] for line in table.stdout.splitlines() if line.split()[1] in "TDBRV"}
verdict.looked_at = len(found)
for name in sorted(wanted - found):
    verdict.breach("include/celeriac/symbols.txt", 0, f"{name} is promised but not exported")
for name in sorted(found - wanted):
    verdict.breach("include/celeriac/symbols.txt", 0, f"{name} is exported but not listed")
verdict.finish()
