"""Calls that are banned, or allowed in one place only (each with its reason)."""

import re

import tree

MAINS = {"api/main.c", "cli/main.c", "worker/main/main.c"}
# The mains of forked processes, which end without the exit handlers of their parents.
FORKED = {"worker/child_main.c", "worker/fork_server_process.c"}
# pattern, files in which it is allowed, reason
BANNED = [
    (r"\b(?:strcpy|strcat|strncpy|strncat|strlcat|strlcpy|sprintf|vsprintf|gets|strtok)\s*\(", set(),
     "unbounded or surprising string function; use base/strbuf.h or snprintf with a checked result"),
    (r"\b(?:atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|strtod|strtof|sscanf|fscanf)(?:_l)?\s*\(",
     {"base/parse_num.c", "base/format_double.c"}, "numbers are parsed in base/parse_num.c only"),
    (r"\b_exit\s*\(", MAINS | FORKED, "libraries never end the process"),
    (r"\b(?:exit|abort|printf|puts|putchar|vprintf|perror|fprintf)\s*\(", MAINS | {"base/log.c"},
     "libraries never exit, abort or print"),
    (r"\b(?:clock_gettime|gettimeofday|time)\s*\(", {"base/clock.c"}, "time comes from base/clock.h"),
    (r"\b(?:malloc|calloc|realloc|free|strdup|strndup)\s*\(", {"base/alloc.c"},
     "memory comes from base/alloc.h"),
    (r"\b(?:rand|srand|random|drand48)\s*\(", set(), "randomness comes from base/random.h"),
    (r"\bredisCommand\s*\(|\bredisAppendCommand\s*\(", set(), "Redis commands go out as argv"),
    (r"\bPQexec\s*\(\s*[^,]+,\s*(?![\"A-Z])", set(), "SQL text is constant; values are parameters"),
    (r"\b(?:getenv|secure_getenv|setenv|putenv)\s*\(", MAINS, "the environment is read through base/settings.h"),
    (r"\bgmtime\s*\(|\blocaltime\s*\(|\bstrerror\s*\(", set(), "not safe with threads; use the _r form"),
]

verdict = tree.Verdict("banned calls")
for path in tree.sources():
    code = tree.code_of(tree.read(path))
    verdict.looked_at += 1
    for pattern, places, reason in BANNED:
        if path.as_posix() in places:
            continue
        for match in re.finditer(pattern, code):
            line = code.count("\n", 0, match.start()) + 1
            verdict.breach(path, line, f"{match.group(0).strip()}: {reason}")
verdict.finish()
