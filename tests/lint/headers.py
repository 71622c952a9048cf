"""Headers: a guard named after the path, a comment on every declaration, opaque lifetimes in public."""

import re

import tree

# Structs of the public headers whose fields are open: plain values without a lifetime.
OPEN_STRUCTS = {
    "celeriac_error", "celeriac_bytes", "celeriac_task_options", "celeriac_exception",
    "celeriac_worker_options", "celeriac_worker_stats", "celeriac_client_options", "celeriac_send",
    "celeriac_result",
}

verdict = tree.Verdict("headers")


def guard_of(path):
    stem = path.as_posix().removeprefix("include/").removeprefix("celery_proto/")
    return re.sub(r"[^A-Z0-9]", "_", stem.upper())


def check_comments(path, text):
    """A prototype starts a paragraph that a comment opens, or follows one in the same paragraph."""
    body = text.split("#define", 1)[-1]
    offset = text.count("\n", 0, len(text) - len(body))
    covered = False
    for number, line in enumerate(body.split("\n"), offset + 1):
        if not line.strip():
            covered = False
        elif line.rstrip().endswith("*/"):
            covered = True
        elif re.match(r"(?:CELERIAC_PUBLIC )?[a-z][\w ]*[ *]\w+\(", line) and not covered:
            verdict.breach(path, number, "a declaration without a comment right above")


for path in [p for p in tree.sources((".h",))] + tree.public_headers():
    text = tree.read(path)
    verdict.looked_at += 1
    guard = guard_of(path)
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        verdict.breach(path, 1, f"the guard must be {guard}")
    if not text.startswith("/*"):
        verdict.breach(path, 1, "a header opens with what it is for")
    check_comments(path, text)
for path in tree.public_headers():
    code = tree.code_of(tree.read(path))
    for match in re.finditer(r"\bstruct\s+(\w+)\s*\{", code):
        if match.group(1) not in OPEN_STRUCTS:
            line = code.count("\n", 0, match.start()) + 1
            verdict.breach(path, line, f"struct {match.group(1)}: what has a lifetime is opaque")
verdict.finish()
