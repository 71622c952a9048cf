"""Headers: a guard named after the path, a comment on every declaration, opaque lifetimes in public."""

import re

import tree

# Structs of the public headers whose fields are open: plain values without a lifetime.
OPEN_STRUCTS = {
    "celeriac_app", "celeriac_error", "celeriac_bytes", "celeriac_backlog", "celeriac_task_options", "celeriac_task_defaults", "celeriac_exception",
    "celeriac_worker_options", "celeriac_worker_stats", "celeriac_client_options", "celeriac_send",
    "celeriac_result", "celeriac_limiter_options", "celeriac_take",
}

verdict = tree.Verdict("headers")


guards = {}


def check_guard(path, text):
    """A guard that no other header has, ending in the file's name."""
    ending = re.sub(r"[^A-Z0-9]", "_", path.name.upper())
    match = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", text, re.M)
    if not match or match.group(1) != match.group(2) or not match.group(1).endswith("_" + ending):
        verdict.breach(path, 1, f"the guard must end in _{ending}")
    elif guards.setdefault(match.group(1), path) != path:
        verdict.breach(path, 1, f"has the guard of {guards[match.group(1)]}")


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
    check_guard(path, text)
    if not text.startswith("/*"):
        verdict.breach(path, 1, "a header opens with what it is for")
    check_comments(path, text)
for path in tree.public_headers():
    if not re.search(r"^ \* Threads: ", tree.read(path).split("*/", 1)[0], re.M):
        verdict.breach(path, 1, "a public header opens with what may be called from where (Threads: ...)")
    code = tree.code_of(tree.read(path))
    for match in re.finditer(r"\bstruct\s+(\w+)\s*\{", code):
        if match.group(1) not in OPEN_STRUCTS:
            line = code.count("\n", 0, match.start()) + 1
            verdict.breach(path, line, f"struct {match.group(1)}: what has a lifetime is opaque")
verdict.finish()
