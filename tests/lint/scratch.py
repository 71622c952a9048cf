"""Tests keep their files where they go away by themselves: tests/support/scratch.h, tests/services/session.py."""

import re

import tree

OWN = re.compile(r"\b(?:mkstemp|mkdtemp|tmpfile|mkostemp)\s*\(|\"/tmp/|\btempfile\.")
PLACES = {"tests/support/scratch.c", "tests/services/session.py", "tests/lint/scratch.py"}

verdict = tree.Verdict("temporary files")
for top in ("tests", "interop", "bench"):
    for path in sorted((tree.ROOT / top).rglob("*")):
        name = path.relative_to(tree.ROOT)
        if path.suffix not in (".c", ".h", ".py") or name.as_posix() in PLACES:
            continue
        verdict.looked_at += 1
        text = path.read_text(encoding="utf-8")
        for match in OWN.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            verdict.breach(name, line, f"{match.group(0)}: use tests/support/scratch.h or a Session")
verdict.finish()
