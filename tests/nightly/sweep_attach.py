"""Attaches repeatedly to a program of eight threads, and writes a table of what the program noticed.

python tests/nightly/sweep_attach.py [COUNT]

The table is tests/nightly/ATTACH.md, with a row for each version of Python. The program allocates, imports, forks and
waits in C on each of its threads (tests/specimens/attach/eight_threads.py). Each attachment is to a new process, at a
random time; half of them are brief and half last until the process ends. The status and all output must be the same as
without spprof, the file must exist, and nothing may take longer than a minute. The exit status is 1 otherwise.
"""

from __future__ import annotations

import datetime
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "nightly" / "ATTACH.md"
PROGRAM = [sys.executable, "-W", "ignore", str(ROOT / "tests" / "specimens" / "attach" / "eight_threads.py"), "40"]
COUNT, SECONDS, SEED = 100, 60.0, 25
KINDS = ("crashes", "hangs", "changed", "refused")
CPYTHONS = "KeyError: '__import__'"
"""CPython opens the script with an import. The import fails if the main thread is currently in a function that has no
builtins, such as the constructor of a named tuple, or the code that creates one. CPython reports this on stderr and
continues.
"""

HEAD = """# Results of attaching

`make attach-many` writes this table. `spprof attach` attaches to a program with eight threads that allocate, import,
fork and wait in C: each time to a new process, at a random moment, half of the times `--for` a moment and half of the
times to stay.

- *Crashes*: the exit status differs from that without spprof.
- *Hangs*: longer than a minute.
- *Changed*: stdout or stderr differs from that without spprof.
- *Refused*: attaching failed.
- *CPython*: CPython itself failed. It opens the script with an import, which fails if the main thread is just in a
  function without builtins (the constructor of a named tuple, the code that makes one). It reports that on the
  program's stderr (`Can't open debugger script … KeyError: '__import__'`) for every user of `sys.remote_exec`, and the
  program continues.

| Python | date | times | crashes | hangs | changed | refused | CPython |
|---|---|---:|---:|---:|---:|---:|---:|
"""


def once(path: Path, moment: float, *, stays: bool) -> dict[str, str]:
    """Attach once and return what went wrong, keyed by kind."""
    wrong = {}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(PROGRAM, text=True, **pipes) as program:  # type: ignore[call-overload]
        program.stdout.readline()
        time.sleep(moment)
        options = [] if stays else ["--for", "0.1", "-f", "-o", str(path)]
        words = [sys.executable, "-m", "spprof", "attach", str(program.pid), *options]
        try:
            found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
            if found.returncode or not (stays or path.exists()):
                wrong["refused"] = found.stderr
            out, errors = program.communicate("", timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            program.kill()
            return {**wrong, "hangs": str(error)}
    if CPYTHONS in errors:
        return {"cpython": errors}
    if program.returncode:
        wrong["crashes"] = f"{program.returncode}: {errors}"
    if (out, errors) != (expected(), ""):
        wrong["changed"] = f"{out}{errors}"
    return wrong


_known: list[str] = []


def expected() -> str:
    """Return what the program prints without spprof after its first line."""
    if not _known:
        _known.append(subprocess.run(PROGRAM, input="", capture_output=True, text=True, check=True).stdout)
    return _known[0].partition("\n")[2]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    draw = random.Random(SEED)
    totals = dict.fromkeys((*KINDS, "cpython"), 0)
    with tempfile.TemporaryDirectory() as name:
        for number in range(count):
            path = Path(name, f"{number}.pb.gz")
            for kind, words in once(path, draw.random() * 0.3, stays=bool(number % 2)).items():
                totals[kind] += 1
                print(f"{number}: {kind}: {words}", flush=True)
            path.unlink(missing_ok=True)
    version = platform.python_version()
    cells = [version, datetime.date.today().isoformat(), count, *totals.values()]
    row = f"| {' | '.join(map(str, cells))} |"
    print(row)
    if len(sys.argv) == 1:
        before = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
        same = f"| {'.'.join(version.split('.')[:2])}."
        others = [line for line in before if line.startswith("| 3.") and not line.startswith(same)]
        TABLE.write_text(HEAD + "".join(f"{line}\n" for line in sorted([*others, row])), encoding="utf-8")
    sys.exit(any(totals[kind] for kind in KINDS))


if __name__ == "__main__":
    main()
