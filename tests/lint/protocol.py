"""docs/protocol.md names every field, refusal and key of our own that the codec and transport know."""

import re

import tree

PAGE = tree.read("docs/protocol.md")
FIELD = re.compile(r'\bFIELD\("([^"]+)"|\bCEL_FIELD\("([^"]+)"\)')
REFUSAL = re.compile(r'\[CEL_REFUSE_\w+\] = "([^"]+)"')
OWN_KEY = re.compile(r'"(celeriac\.[a-z]+)')

verdict = tree.Verdict("protocol page")
for path in tree.sources((".c",)):
    if not path.as_posix().startswith("celery_proto/"):
        continue
    text = tree.read(path)
    names = {a or b for a, b in FIELD.findall(text)} | set(REFUSAL.findall(text)) | set(OWN_KEY.findall(text))
    for name in sorted(names):
        verdict.looked_at += 1
        if not re.search(r"(?<![\w-])" + re.escape(name) + r"(?![\w-])", PAGE):
            verdict.breach(path, 1, f"docs/protocol.md does not name {name}")
verdict.finish()
