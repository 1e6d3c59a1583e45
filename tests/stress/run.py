"""Run stress specimens and keep their results.

    python tests/stress/run.py                          each specimen in each mode, for STRESS_SECONDS (60)
    python tests/stress/run.py --rounds 2 NAME...       two rounds of these; no result is kept
    python tests/stress/run.py --again                  also specimens that already have a result for this engine

A specimen is a program in specimens/ that reports after each round. If a signal ends it, it has crashed. If it is
silent for ROUND_LIMIT_SECONDS, it hangs, and its stacks are printed before it is killed. Any other report, status or
text on stderr is wrong. An interrupted run resumes where it stopped: a specimen with a good row in RESULTS.md for these
sources and this Python is not run again. The output of a failure is kept in build/stress-results. Once its cause is
known, move its row by hand to the table of explained failures.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from processes import describe_stacks, of_session, one_ends

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tools"))  # after the standard library, which has a venv.py too
import markdown_tables  # noqa: E402

RESULTS = ROOT / "build" / "stress-results"
TABLE = HERE / "RESULTS.md"
MODES = ("patch", "preload")
ROUND_LIMIT_SECONDS = float(os.environ.get("STRESS_ROUND_LIMIT", 300))
LEFT_BEHIND_SECONDS = 20

ONE_MODE = {
    "semantics": "preload",
    "saving": "patch",
    "churn": "preload",
    "cpu_torn": "patch",
    "cpu_timers": "patch",
}
"""Specimens that use both modes themselves, or for which the mode makes no difference."""
ON_DEMAND = {
    "churn": "takes half an hour: run it by name",
    "cpu_torn": "takes half an hour: run it by name",
    "cpu_timers": "takes half an hour: run it by name",
    "servers": "needs gunicorn and uWSGI: run it by name",
}
"""Specimens that are run only if named."""


@dataclass
class Outcome:
    specimen: str
    mode: str
    date: str = ""
    commit: str = ""
    engine: str = ""
    python: str = platform.python_version()
    kernel: str = platform.release()
    processors: int = os.cpu_count() or 1
    seconds: float = 0
    rounds: int = 0
    crashes: int = 0
    hangs: int = 0
    wrong: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    said: str = ""

    @property
    def good(self) -> bool:
        return self.crashes + self.hangs + self.wrong == 0


# ---- One specimen


class Watched:
    """A specimen in its own session, whose output is read line by line."""

    def __init__(self, specimen: str, mode: str, limits: dict[str, str], folder: Path, build: Path) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("LD_PRELOAD", "STRESS_"))}
        environment.update(
            limits, STRESS_MODE=mode, STRESS_BUILD=str(build), PYTHONPATH=f"{HERE}:{HERE.parent / 'helpers'}"
        )
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if mode == "preload":
            environment["LD_PRELOAD"] = engine_path()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-X", "faulthandler", str(HERE / "specimens" / f"{specimen}.py")],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield (stream, line) as lines arrive. Raise TimeoutError if no line arrives for too long."""
        with selectors.DefaultSelector() as selector:
            rest = {}
            for name in ("stdout", "stderr"):
                stream = getattr(self.process, name)
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, name)
                rest[name] = b""
            while selector.get_map():
                ready = selector.select(ROUND_LIMIT_SECONDS)
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    data = os.read(key.fd, 65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    *whole, rest[key.data] = (rest[key.data] + data).split(b"\n")
                    for line in whole:
                        yield key.data, line.decode(errors="replace")
            for name, text in rest.items():
                if text:
                    yield name, text.decode(errors="replace")

    def processes(self) -> list[int]:
        """Return the session's remaining processes."""
        return of_session(self.process.pid)

    def left_behind(self) -> list[int]:
        """Return the processes that the specimen has left behind. The helper processes of multiprocessing end by
        themselves, shortly afterwards.
        """
        end = time.monotonic() + LEFT_BEHIND_SECONDS
        while True:
            left = [pid for pid in self.processes() if pid != self.process.pid]
            if not left or not one_ends(left, end - time.monotonic()):
                return left

    def end(self) -> int:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.process.wait()


def run(specimen: str, mode: str, limits: dict[str, str], build: Path) -> Outcome:
    outcome = Outcome(specimen, mode, datetime.date.today().isoformat(), *identity())
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stress-", ignore_cleanup_errors=True) if sys.version_info >= (
        3, 10
    ) else tempfile.TemporaryDirectory(prefix="stress-") as folder:  # fmt: skip
        watched = Watched(specimen, mode, limits, Path(folder), build)
        judge(outcome, watched)
    outcome.seconds = round(time.monotonic() - begin, 1)
    return outcome


def judge(outcome: Outcome, watched: Watched) -> None:
    said, done = [], False
    try:
        for stream, line in watched.lines():
            if stream == "stdout" and line.startswith("round "):
                outcome.rounds = int(line.split()[1])
                if len(line.split()) > 2:
                    print(f"  {line}", flush=True)
            elif stream == "stdout" and line.startswith("done "):
                outcome.figures, done = json.loads(line[5:]), True
            elif stream == "stdout" and line.startswith("preparing "):
                pass
            elif stream == "stdout" and line.startswith("left out: "):
                outcome.figures["left_out"] = line[10:]
            else:
                said.append(line)
    except TimeoutError:
        outcome.hangs = 1
        said.append(describe_stacks(watched.processes()))
    left = [] if outcome.hangs else watched.left_behind()
    if left:
        said.append(f"processes were left behind: {describe_stacks(left)}")
    status = watched.end()
    outcome.said = "\n".join(said)
    if status < 0 and not outcome.hangs:
        outcome.crashes = 1
        outcome.said += f"\nended by {signal.Signals(-status).name}"
    elif not outcome.hangs and (status != 0 or said or not done):
        outcome.wrong = 1
        outcome.said += f"\nended with status {status}"


# ---- Selection


def engine_path() -> str:
    from spprof import _engine

    return _engine.library_path()


def identity() -> tuple[str, str]:
    """Return the commit, and a value that shows whether the profiler's sources are still those of a kept result."""
    git = ["git", "-C", str(ROOT)]
    asked = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False)
    trees = ["HEAD:src", "HEAD:include", "HEAD:python"]
    sources = subprocess.run([*git, "rev-parse", *trees], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown", "-".join(line[:6] for line in sources.stdout.split()) or "unknown"


def modes_of(specimen: str) -> tuple[str, ...]:
    return (ONE_MODE[specimen],) if specimen in ONE_MODE else MODES


def specimens() -> list[str]:
    return sorted(path.stem for path in (HERE / "specimens").glob("*.py"))


# ---- Results


COLUMNS = (
    "specimen", "mode", "python", "date", "commit", "engine", "seconds", "rounds", "crashes", "hangs", "wrong",
)  # fmt: skip
NUMBERS = COLUMNS[COLUMNS.index("seconds") :]
FIGURES = "Figures, in the order of the rows:"
EXPLAINED = """
| failed | mode | Python | date | commit | counted as |
|---|---|---|---|---|---|
"""


def read_table() -> tuple[list[dict[str, str]], str]:
    """Return the rows of RESULTS.md, and the hand-written text below them about explained failures."""
    if not TABLE.exists():
        return [], EXPLAINED
    above, _, explained = TABLE.read_text(encoding="utf-8").partition(EXPLAINED.splitlines()[1])
    table, _, items = above.partition(FIGURES)
    cells = [[*map(str.strip, line[1:-1].split("|"))] for line in table.splitlines() if line.startswith("| ")]
    figures = [" ".join(one.split()).partition(": ")[2] for one in items.split("\n- ")[1:]]
    rows = [dict(zip((*COLUMNS, "figures"), [*row, told])) for row, told in zip(cells[1:], figures)]
    return rows, EXPLAINED.splitlines()[1] + explained


def read_results() -> list[Outcome]:
    """Return the kept results without their output and figures, which no other run needs."""
    numbers = {name: float if name == "seconds" else int for name in NUMBERS}
    rows = [{name: row[name].strip() for name in COLUMNS} for row in read_table()[0]]
    return [Outcome(**{name: numbers.get(name, str)(text) for name, text in row.items()}) for row in rows]


def keep(outcome: Outcome) -> None:
    """Add the result to the table, and write the complete result to a separate file."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = f"{outcome.specimen}-{outcome.mode}-{outcome.python}-{outcome.commit}-{outcome.date}"
    number = 1
    while (RESULTS / f"{name}-{number}.json").exists():
        number += 1
    outcome.said = outcome.said[:20_000]
    (RESULTS / f"{name}-{number}.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n")
    row = {name: str(getattr(outcome, name)) for name in COLUMNS}
    row["seconds"] = f"{outcome.seconds:.0f}"
    row["figures"] = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in outcome.figures.items())
    rows, explained = read_table()
    write_table([*rows, row], explained)


def write_table(rows: list[dict[str, str]], explained: str) -> None:
    """Write the table. The rows of a specimen stay in chronological order."""
    rows = sorted(rows, key=lambda row: (row["specimen"], row["mode"], row["python"]))
    sums = {name: sum(float(row[name]) for row in rows) for name in NUMBERS}
    explained_runs = sum(line.startswith("| ") for line in explained.splitlines()[2:])
    lines = [
        "# Results of the stress specimens",
        "",
        "`make stress` adds to this table. *engine*: the git hashes of `src`, `include` and `python`.",
        "",
        f"**{sums['seconds'] / 3600:.2f} h in {len(rows)} runs, {sums['rounds']:.0f} rounds: {sums['crashes']:.0f} "
        f"crashes, {sums['hangs']:.0f} hangs, {sums['wrong']:.0f} wrong results.**",
        f"Not included: {explained_runs} runs that failed, which are explained at the end.",
        "",
        *markdown_tables.table(
            COLUMNS,
            [[row[name] for name in COLUMNS] for row in rows],
            keys=4,
            alignments=[markdown_tables.RIGHT if name in NUMBERS else markdown_tables.LEFT for name in COLUMNS],
        ),
        "",
        FIGURES,
        "",
        *(line for row in rows for line in markdown_tables.item(figures_of(row))),
    ]
    TABLE.write_text("\n".join([*lines, "", explained.strip(), ""]), encoding="utf-8")
    print(lines[4])


def figures_of(row: dict[str, str]) -> str:
    return f"{row['specimen']}, {row['mode']}, {row['python']}, {row['date']}: {row['figures'] or 'none'}"


def is_kept(specimen: str, mode: str, seconds: float) -> bool:
    engine = identity()[1]
    return any(
        (kept.specimen, kept.mode, kept.engine, kept.python, kept.good)
        == (specimen, mode, engine, platform.python_version(), True)
        and kept.seconds >= seconds
        for kept in read_results()
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="specimens (default: all except the on-demand ones)")
    parser.add_argument("--rounds", type=int, help="number of rounds each; no result is kept")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("STRESS_SECONDS", 60)))
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--again", action="store_true", help="also specimens that have a result for this engine")
    return parser.parse_args()


def run_all(asked: argparse.Namespace) -> bool:
    build = ROOT / "build" / f"stress-{platform.python_version()}"
    build.mkdir(parents=True, exist_ok=True)
    seconds = {"STRESS_SECONDS": str(asked.seconds)}
    limits = seconds if asked.rounds is None else {"STRESS_ROUNDS": str(asked.rounds)}
    good = True
    for specimen in asked.names or specimens():
        if specimen in ON_DEMAND and specimen not in asked.names:
            print(f"{specimen}: skipped: {ON_DEMAND[specimen]}")
            continue
        for mode in [mode for mode in modes_of(specimen) if asked.mode in (None, mode)]:
            if asked.rounds is None and not asked.again and is_kept(specimen, mode, asked.seconds):
                print(f"{specimen} {mode}: already has a result for these sources")
                continue
            outcome = run(specimen, mode, limits, build)
            print(
                f"{specimen} {mode}: {'good' if outcome.good else 'FAILED'}, {outcome.rounds} rounds in "
                f"{outcome.seconds:.0f} s {outcome.figures}",
                flush=True,
            )
            if not outcome.good:
                print(outcome.said, flush=True)
            if asked.rounds is None:
                keep(outcome)
            good = good and outcome.good
    return good


def main() -> None:
    asked = arguments()
    sys.exit(0 if run_all(asked) else 1)


if __name__ == "__main__":
    main()
