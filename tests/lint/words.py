"""No unfinished work, no dead code in comments, no paths of anybody's machine."""

import re
import subprocess

import tree

MARKS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\bfor now\b|not implemented yet in this")
DEAD = re.compile(r"^\s*(?://|\*|/\*)\s*(?:if \(|for \(|while \(|return [\w()]+;|\w+\(.*\);\s*$|#(?:include|define) )")
MACHINE = re.compile(r"/(?:root|home)/\w|/work/")

verdict = tree.Verdict("words")
for path in list(tree.sources()) + tree.public_headers():
    verdict.looked_at += 1
    for number, line in enumerate(tree.read(path).split("\n"), 1):
        if MARKS.search(line):
            verdict.breach(path, number, "a mark of unfinished work")
        if path.suffix == ".c" and DEAD.search(line):
            verdict.breach(path, number, "commented-out code")
listed = subprocess.run(["git", "-C", str(tree.ROOT), "ls-files"], capture_output=True, text=True, check=False)
for name in listed.stdout.splitlines():
    file = tree.ROOT / name
    if name.startswith(("tests/data/", "tests/lint/", "tests/fuzz/")) or not file.is_file():
        continue
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        continue
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE.search(line):
            verdict.breach(name, number, "a path of somebody's machine")
verdict.finish()
