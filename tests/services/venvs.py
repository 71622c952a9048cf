"""Where the private Python environments are. interop/venvs.sh makes them."""

import os
import subprocess
from pathlib import Path

from .session import ROOT, ServiceError


def folder() -> Path:
    """The folder of all environments: build/venv, or what CELERIAC_VENVS names."""
    return Path(os.environ.get("CELERIAC_VENVS") or ROOT / "build" / "venv")


def python(name: str) -> Path:
    """The interpreter of the environment NAME, which may not exist yet."""
    return folder() / name / "bin" / "python"


def ensure(*names: str) -> None:
    """Makes the environments that are missing or out of date; progress goes to standard error."""
    done = subprocess.run([str(ROOT / "interop" / "venvs.sh"), *names], check=False, stdout=2)
    if done.returncode != 0:
        raise ServiceError(f"interop/venvs.sh {' '.join(names)} failed")
