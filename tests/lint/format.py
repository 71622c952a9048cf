"""Every C file is as clang-format leaves it."""

import shutil
import subprocess

import tree

verdict = tree.Verdict("clang-format")
files = [p.as_posix() for p in list(tree.sources()) + tree.public_headers()]
files += sorted(p.relative_to(tree.ROOT).as_posix() for p in (tree.ROOT / "tests").rglob("*.[ch]"))
files += sorted(p.relative_to(tree.ROOT).as_posix() for p in (tree.ROOT / "bench").rglob("*.[ch]"))
# The project is formatted with version 14, the oldest of the distributions we build on; later
# versions differ in corners, so they are not asked.
tool = shutil.which("clang-format-14") or shutil.which("clang-format")
if tool is None:
    verdict.breach("clang-format", 0, "is not installed")
else:
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    verdict.looked_at = len(files)
    if "version 14." not in version:
        print(f"not judged: {version.strip()} is not version 14")
        raise SystemExit(77)
    run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *files], cwd=tree.ROOT,
                         capture_output=True, text=True, check=False)
    for line in run.stderr.splitlines():
        if "error:" in line:
            name, number, rest = line.split(":", 2)
            verdict.breach(name, number, rest.strip())
verdict.finish()
