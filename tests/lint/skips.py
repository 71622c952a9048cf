"""No test skips: what cannot run here fails, and says what it misses."""

import re

import tree

SKIP = re.compile(r"\bskip\s*\(|\bunittest\.(?:skip|SkipTest)|\bSKIP_(?:RETURN_CODE|REGULAR_EXPRESSION)\b"
                  r"|\bexit\s*\(\s*77\b|\bSystemExit\(77\b|\bexit 77\b")

verdict = tree.Verdict("tests that skip")
for top in ("tests", "interop", "bench"):
    for path in sorted((tree.ROOT / top).rglob("*")):
        if path.suffix not in (".c", ".h", ".py", ".sh", ".txt") or path.name == "skips.py":
            continue
        verdict.looked_at += 1
        text = path.read_text(encoding="utf-8")
        for match in SKIP.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            verdict.breach(path.relative_to(tree.ROOT), line, f"{match.group(0)}: run it or let it fail")
verdict.finish()
