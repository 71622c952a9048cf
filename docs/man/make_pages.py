"""Writes the manual pages of the library from its headers: python3 docs/man/make_pages.py

Each header of include/celeriac becomes one page of section 3, with what its comments say; libceleriac.3 and the pages of
section 1 are written by hand. links.txt lists which function is on which page. tests/lint/man.py fails when a page is
older than its header.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATE = "2026-11-23"
PAGES = {  # header: what it is, in half a line; bytes.h is on the page of error.h
    "app": "tasks in a shared object",
    "client": "send Celery tasks and wait for their results",
    "error": "error codes and records, and borrowed bytes",
    "limiter": "limits of rate that processes share",
    "signature": "canvases: chains, groups and chords",
    "task": "what a Celery task in C sees and says",
    "worker": "a Celery worker inside of a program",
}
TOKEN = re.compile(r"(?P<space>\s+)|(?P<comment>/\*.*?\*/)|(?P<directive>#(?:[^\n\\]|\\\n|\\.)*)|(?P<code>)", re.S)


def inside(text: str) -> str:
    """What stands between the guard's #define and #endif, without includes and extern "C"."""
    text = re.sub(r"^#(?:include|ifndef|ifdef|endif).*\n", "", text, flags=re.M)
    text = re.sub(r"^#define CELERIAC_\w+_H\n", "", text, flags=re.M)
    return re.sub(r'^(?:extern "C" \{|\})\n', "", text, flags=re.M)


def declaration(text: str, start: int) -> int:
    """The end of the declaration that begins at START: behind its semicolon."""
    depth = 0
    at = start
    while at < len(text):
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
        if text[at - 1] == ";" and depth == 0:
            return at
    raise ValueError(text[start:start + 60])


def directive(text: str, start: int) -> int:
    """The end of the preprocessor line, with the comment that begins on it."""
    at = TOKEN.match(text, start).end()
    opened = text.rfind("/*", start, at)
    return text.index("*/", opened) + 2 if opened >= 0 else at


def items(text: str):
    """Pairs of a comment (or "") and the declarations below it, in order."""
    comment, below = None, []
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found["space"]:
            at = found.end()
        elif found["comment"]:
            if comment is not None:
                yield comment, below
            comment, below = found["comment"], []
            at = found.end()
        else:
            end = directive(text, at) if found["directive"] else declaration(text, at)
            below.append(text[at:end])
            at = end
    if comment is not None:
        yield comment, below


def prose(comment: str) -> list[str]:
    """The lines of a comment without its marks."""
    lines = [re.sub(r"^ ?\* ?", "", line) for line in comment[2:-2].split("\n")]
    return [line.rstrip() for line in lines]


def escape(text: str) -> str:
    """Text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def emphasise(text: str) -> str:
    """Names of ours in bold."""
    return re.sub(r"\b(celeriac_\w+\(\)|CELERIAC_\w+)", r"\\fB\1\\fP", text)


def verbatim(code: str) -> list[str]:
    """Lines that keep their shape."""
    return [".PP", ".RS 4", ".nf", *(escape(line) or "\\&" for line in code.split("\n")), ".fi", ".RE"]


def paragraphs(comment: str) -> list[str]:
    """A comment as roff: paragraphs, and what is indented as code."""
    out: list[str] = []
    code: list[str] = []
    fresh = True
    for line in [*prose(comment), ""]:
        if line.startswith("    ") or (code and not line):
            code.append(line[4:])
            continue
        if code:
            out += verbatim("\n".join(code).strip("\n"))
            code, fresh = [], True
        if not line.strip():
            fresh = True
            continue
        if fresh:
            out.append(".PP")
            fresh = False
        out.append(emphasise(escape(line.strip())))
    if code and "".join(code).strip():
        out += verbatim("\n".join(code).strip("\n"))
    return out


def tidy(code: str) -> str:
    """A declaration as a reader needs it: without our marks for visibility and warnings."""
    code = re.sub(r"\bCELERIAC_PUBLIC\s+|\s+CELERIAC_MUST_CHECK\b", "", code)
    return re.sub(r"\s+__attribute__\(\(format\(.*?\)\)\)", "", code)


def functions(code: str) -> list[str]:
    """Names of the functions that a declaration declares."""
    return re.findall(r"CELERIAC_PUBLIC\s[^;(]*?\b(celeriac_\w+)\s*\(", code)


def page(name: str) -> tuple[str, list[str]]:
    """The page of a header, and the functions on it."""
    text = inside((ROOT / "include" / "celeriac" / f"{name}.h").read_text(encoding="utf-8"))
    (opening, _), *rest = items(text)
    if name == "error":
        more = (ROOT / "include" / "celeriac" / "bytes.h").read_text(encoding="utf-8")
        rest += list(items(inside(more)))[1:]
    on_page = [found for _, below in rest for code in below for found in functions(code)]
    title = f"celeriac_{name}"
    names = [title, *(function for function in on_page if function != title)]
    out = [f'.\\" Written by docs/man/make_pages.py from include/celeriac/{name}.h.',
           f'.TH {title.upper()} 3 "{DATE}" "Celeriac 0.1" "libceleriac"', ".SH NAME",
           ", ".join(names) + f" \\- {PAGES[name]}", ".SH SYNOPSIS", ".nf", f".B #include <celeriac/{name}.h>", ".fi"]
    if on_page:
        out.append(".PP")
        out.append("Link with \\fB\\-lceleriac\\fP, or as \\fBpkg\\-config \\-\\-libs celeriac\\fP says.")
    out += [".SH DESCRIPTION", *paragraphs(opening)[1:]]
    for heading, wanted in (("TYPES AND CONSTANTS", False), ("FUNCTIONS", True)):
        part = [(comment, below) for comment, below in rest if below and any(map(functions, below)) == wanted]
        if part:
            out.append(f".SH {heading}")
        for comment, below in part:
            out += verbatim("\n".join(tidy(code) for code in below))
            out += paragraphs(comment)
    out += [".SH SEE ALSO", *(f".BR celeriac_{other} (3)," for other in PAGES if other != name), ".BR libceleriac (3)"]
    # A heading begins a paragraph by itself.
    text = re.sub(r"^(\.SH .*)\n\.PP$", r"\1", "\n".join(out), flags=re.M)
    return text + "\n", on_page


def pages() -> dict[str, str]:
    """Every file that this program writes: name and text."""
    made = {}
    links = []
    for name in PAGES:
        made[f"celeriac_{name}.3"], on_page = page(name)
        links += [f"{function} celeriac_{name}" for function in on_page]
    made["links.txt"] = "\n".join(sorted(links)) + "\n"
    return made


def main() -> int:
    """Writes what has changed."""
    for name, text in pages().items():
        path = ROOT / "docs" / "man" / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
