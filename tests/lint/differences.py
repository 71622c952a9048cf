"""The deliberate differences from the Django service in docs/rest.md are those that interop/rest_differences.py explains."""

import sys

import tree

sys.path.insert(0, str(tree.ROOT))

from interop.rest_differences import DIFFERENCES, documented

PAGE = "docs/rest.md"

verdict = tree.Verdict("deliberate differences")
told = documented(tree.read(PAGE))
known = [(row.there, row.why) for row in DIFFERENCES]
verdict.looked_at = len(known)
for there, why in told:
    if (there, why) not in known:
        verdict.breach(PAGE, 1, f"not in the table of interop/rest_differences.py with the same words: {there} | {why}")
for there, why in known:
    if (there, why) not in told:
        verdict.breach("interop/rest_differences.py", 1, f"not in {PAGE} with the same words: {there} | {why}")
verdict.finish()
