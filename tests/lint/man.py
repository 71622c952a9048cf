"""The manual pages: as their headers say, complete, and without a warning: man.py PROGRAM...

The pages of the library are those that docs/man/make_pages.py writes; each public function is on one of them, each option of
a program's --help on its page, and mandoc finds nothing to warn of.
"""

import re
import subprocess
import sys

import tree

sys.path.insert(0, str(tree.ROOT / "docs" / "man"))
import make_pages  # noqa: E402  (after the path)

FOLDER = "docs/man"
verdict = tree.Verdict("manual pages")


def plain(text):
    """A page without roff's marks."""
    return re.sub(r"\\f[BIPR]", "", text.replace("\\-", "-"))


for name, text in make_pages.pages().items():
    path = tree.ROOT / FOLDER / name
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        verdict.breach(f"{FOLDER}/{name}", 1, "is not as its header; run python3 docs/man/make_pages.py")

sources = sorted((tree.ROOT / FOLDER).glob("*.[13]"))
named = {path.name: plain(path.read_text(encoding="utf-8")) for path in sources}
summaries = " ".join(re.search(r"^\.SH NAME\n(.*)\n", text, re.M)[1] for name, text in named.items() if name.endswith(".3"))
for function in tree.read("include/celeriac/symbols.txt").split():
    if function not in re.findall(r"\w+", summaries):
        verdict.breach(FOLDER, 0, f"no page names {function}")
for header in tree.public_headers():
    if header.stem != "bytes" and f"celeriac_{header.stem}.3" not in named:
        verdict.breach(header, 0, "has no page")

for program in sys.argv[1:]:
    name = program.rsplit("/", 1)[-1] + ".1"
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    for option in sorted(set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", shown, re.M))):
        if not re.search(re.escape(option) + r"(?![a-z-])", named.get(name, "")):
            verdict.breach(f"{FOLDER}/{name}", 1, f"{option} is missing")

for path in sources:
    verdict.looked_at += 1
    done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", str(path)], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        verdict.breach(path.relative_to(tree.ROOT), 1, line)
verdict.finish()
