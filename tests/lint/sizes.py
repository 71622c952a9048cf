"""Small files, short and simple functions, and names that say what is inside."""

import re

import tree

FILE_LINES = 600
FUNCTION_LINES = 80
COMPLEXITY = 15
VAGUE = re.compile(r"(?:^|_)(?:util|utils|common|misc|helper|helpers|stuff)(?:_|$)")
# Functions beyond the limits: file:function, then the reason.
EXCEPTIONS = tree.listed("sizes.txt")

HEAD = re.compile(r"^(?!#|\s|\}|struct\s+\w+\s*\{|enum|typedef|union)[^;{}=]*?\b(\w+)\s*\([^;{}]*\)\s*\n\{", re.M)
BRANCH = re.compile(r"\b(?:if|for|while|case)\b|&&|\|\||\?")

verdict = tree.Verdict("sizes and names")
for path in tree.sources():
    text = tree.read(path)
    code = tree.code_of(text)
    verdict.looked_at += 1
    lines = text.count("\n")
    if lines > FILE_LINES:
        verdict.breach(path, lines, f"{lines} lines, at most {FILE_LINES}: split what has two reasons to change")
    if VAGUE.search(path.stem):
        verdict.breach(path, 1, "a file is named after the one thing it holds")
    if path.suffix != ".c":
        continue
    for match in HEAD.finditer(code):
        end = code.find("\n}", match.end())
        body = code[match.end() : end]
        line = code.count("\n", 0, match.start(1)) + 1
        length = body.count("\n") + 2 + match.group(0).count("\n")
        complexity = 1 + len(BRANCH.findall(body))
        name = match.group(1)
        if f"{path.as_posix()}:{name}" in EXCEPTIONS:
            continue
        if length > FUNCTION_LINES:
            verdict.breach(path, line, f"{name}: {length} lines, at most {FUNCTION_LINES}")
        if complexity > COMPLEXITY and "switch" not in body:
            verdict.breach(path, line, f"{name}: complexity {complexity}, at most {COMPLEXITY}")
verdict.finish()
