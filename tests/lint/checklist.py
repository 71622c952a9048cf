"""Each line of tests/data/checklist.tsv has a case named after its number, or is awaited with a reason."""

import sys

import tree

sys.path.insert(0, str(tree.ROOT))

from tests import checklist

LINES = 100
LIST = "tests/data/checklist.tsv"

verdict = tree.Verdict("lines of the checklist without a case")
listed, shown, seen = set(checklist.lines()), set(), {}
for path, line, name in checklist.cases():
    verdict.looked_at += 1
    shown |= checklist.numbers(name)
    if name in seen:
        verdict.breach(path, line, f"{name}: also in {seen[name]}; results are told apart by their names")
    seen[name] = path
for number in sorted(listed ^ set(range(1, LINES + 1))):
    verdict.breach(LIST, 1, f"{number}: is missing, or is not one of the hundred")
for number in sorted(shown - listed):
    verdict.breach(LIST, 1, f"{number}: has a case and no line")
for number in sorted(listed - shown - {int(place) for place in tree.listed("checklist.txt")}):
    verdict.breach(LIST, 1, f"{number}: no case is named checklist_{number}_")
verdict.finish()
