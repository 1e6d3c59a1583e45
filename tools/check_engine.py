"""Rejects a built engine if it belongs to a different build than the one that is to install it.

python3 tools/check_engine.py LIBRARY MARK

The engine contains one string with its version and whether it checks invariants, which meson.build composes. The
library is read instead of loaded, because it may be built for another machine, and it would replace malloc.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def complaint(library: Path, mark: str) -> str | None:
    """Return what is wrong with the library, and the remedy, or None if nothing is wrong."""
    if not library.is_absolute():
        return f"the option engine must be an absolute path, not {library}"
    try:
        content = library.read_bytes()
    except OSError as error:
        return f"the option engine names {library}, which cannot be read: {error.strerror}"
    marks = set(re.findall(rb"spprof-engine-[^\0]+", content))
    if marks == {mark.encode()}:
        return None
    found = ", ".join(sorted(each.decode(errors="replace") for each in marks)) or "not an spprof engine"
    return f"{library} is {found}, but this build needs {mark}: build it from these sources with the same -Dchecks"


def main() -> None:
    _, library, mark = sys.argv
    sys.exit(complaint(Path(library), mark))


if __name__ == "__main__":
    main()
