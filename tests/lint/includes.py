"""Includes run one way: each folder includes only what the table in tree.py allows it."""

import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)

verdict = tree.Verdict("includes run one way")


def allowed(folder, target):
    if target.startswith("celeriac/"):
        may = tree.MAY_INCLUDE[folder]
        return "celeriac" in may or target.removesuffix(".h") in may
    owner = tree.folder_of(tree.pathlib.PurePosixPath(target))
    return owner in tree.MAY_INCLUDE[folder]


for path in tree.sources():
    folder = tree.folder_of(path)
    text = tree.code_of(tree.read(path), keep_strings=True)
    verdict.looked_at += 1
    for match in INCLUDE.finditer(text):
        quote, target = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        if quote == '"' and not allowed(folder, target):
            verdict.breach(path, line, f"{folder} may not include {target}")
        for library, folders in tree.FOREIGN.items():
            if quote == "<" and target.startswith(library) and folder not in folders:
                verdict.breach(path, line, f"{folder} may not include {target}")
verdict.finish()
