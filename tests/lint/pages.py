"""README, CONTRIBUTING and docs/ agree with what is there: links, folders, steps, length."""

import re

import tree

README_LINES_MAX = 150  # it is read in one go, or not at all

verdict = tree.Verdict("pages")
pages = [tree.ROOT / "README.md", tree.ROOT / "CONTRIBUTING.md", *sorted((tree.ROOT / "docs").glob("*.md"))]
for page in pages:
    verdict.looked_at += 1
    name = page.relative_to(tree.ROOT)
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
            if not (page.parent / target).exists():
                verdict.breach(name, number, f"link to {target}, which does not exist")

readme = tree.read("README.md").splitlines()
if len(readme) > README_LINES_MAX:
    verdict.breach("README.md", len(readme), f"more than {README_LINES_MAX} lines")

# The folder map: each folder is there, and each folder of the repository is in it.
mapped = {folder: number for number, line in enumerate(readme, 1) if line.startswith("| `")
          for folder in re.findall(r"`([a-z_/]+)/`", line.split("|")[1])}
for folder, number in mapped.items():
    if not (tree.ROOT / folder).is_dir():
        verdict.breach("README.md", number, f"there is no folder {folder}/")
for folder in sorted(path.name for path in tree.ROOT.iterdir() if path.is_dir()):
    if folder[0] not in "._" and not folder.startswith("build") and not any(name.split("/")[0] == folder for name in mapped):
        verdict.breach("README.md", 1, f"{folder}/ is missing in the folder map")

# The steps of ./check, as CONTRIBUTING.md names them.
steps = set(re.search(r"^all_steps=\((.*)\)$", tree.read("check"), re.MULTILINE)[1].split())
named = set(re.findall(r"`([a-z_]+)`", re.search(r"\./check STEP\.\.\.`(.*?)\)", tree.read("CONTRIBUTING.md"), re.DOTALL)[1]))
for step in sorted(steps ^ named):
    verdict.breach("CONTRIBUTING.md", 1, f"step {step}: " + ("not named" if step in steps else "unknown to ./check"))
verdict.finish()
