"""Every C file is as clang-format leaves it."""

import os
import pathlib
import shutil
import subprocess

import tree


def find_tool():
    """clang-format 14 of the system, else of a private environment, else None."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and is_version_14(path):
            return path
    made = subprocess.run([tree.ROOT / "interop/venvs.sh", "format"], check=False).returncode == 0
    folder = pathlib.Path(os.environ.get("CELERIAC_VENVS") or tree.ROOT / "build/venv")
    path = folder / "format/bin/clang-format"
    return path if made and is_version_14(path) else None


def is_version_14(path):
    run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return "version 14." in run.stdout


verdict = tree.Verdict("clang-format")
files = [p.as_posix() for p in list(tree.sources()) + tree.public_headers()]
files += sorted(p.relative_to(tree.ROOT).as_posix() for p in (tree.ROOT / "tests").rglob("*.[ch]"))
files += sorted(p.relative_to(tree.ROOT).as_posix() for p in (tree.ROOT / "bench").rglob("*.[ch]"))
# The project is formatted with version 14, the oldest of the distributions we build on; later
# versions differ in corners, so they are not asked.
tool = find_tool()
if tool is None:
    verdict.breach("clang-format", 0, "version 14 is neither installed nor to be had from the package index")
else:
    verdict.looked_at = len(files)
    run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *files], cwd=tree.ROOT,
                         capture_output=True, text=True, check=False)
    for line in run.stderr.splitlines():
        if "error:" in line:
            name, number, rest = line.split(":", 2)
            verdict.breach(name, number, rest.strip())
verdict.finish()
