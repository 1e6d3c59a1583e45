"""Identifies the version of the repository's files that a result belongs to."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def git(*words: str) -> list[str]:
    """Return git's output, split at zero bytes. Empty if there is no git or no repository."""
    asked = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return asked.stdout.split("\0")


def commit() -> str:
    return git("rev-parse", "--short=10", "HEAD")[0].strip() or "unknown"


def digest(*below: str) -> str:
    """Hash the repository's files, except its documents, as they are on disk: all of them, or only those ``below``."""
    hashed = hashlib.sha256()
    for name in sorted(git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *below)):
        if name and not name.endswith(".md") and (ROOT / name).is_file():
            hashed.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return hashed.hexdigest()[:10]
