"""Run CPython's own test suite without a profiler and under both profilers at their finest settings: each case must
have the same outcome.

    python tests/stress/cpython_suite.py                    every module; writes CPYTHON.md next to this file
    python tests/stress/cpython_suite.py test_os test_gc    only these; prints the differences, writes no table
    python tests/stress/cpython_suite.py --again ...        also modules that already have a result

The running Python must have spprof installed. Its base interpreter must have the complete package `test`, like pyenv's.

Each module runs in its own process, twice: once plain, and once with a `sitecustomize` that starts both profilers, by
patching, in that process and in every Python that its tests start. Modules with differences are run again alone, both
ways. A difference is explained by an item in the list in docs/safety.md that names the case; any other difference makes
the status 1. Results are kept in build/cpython-suite, so an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import fnmatch
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import outcomes
from processes import children, describe_stacks, of_session, one_ends
from run import identity

sys.path.append(str(Path(__file__).parents[2] / "tools"))  # after the standard library, which has a venv.py too
import markdown_tables
from find_pythons import carries_suite

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = HERE / "CPYTHON.md"
SAFETY = ROOT / "docs" / "safety.md"
KEPT = ROOT / "build" / "cpython-suite" / platform.python_version()
PYTHON = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")

RESOURCES = "cpu,subprocess"
PLAIN_SECONDS = 300
"""Modules that take longer without spprof are left out."""
IGNORED = {"*.ProcessPoolForkserverExecutorDeadlockTest.test_shutdown_deadlock_pickle": "hangs without us at times"}
"""Patterns of cases that are left out, with the reason."""
REPEATS = 3
LEFT_BEHIND_SECONDS = 20

PLAIN, WATCHED = "plain", "watched"
ENDING, LEFT = "(how it ended)", "(processes left behind)"
"""These cases exist for every module in addition to its own."""

FIRST = """
test_signal test_threading test_fork1 test_os test_subprocess test.test_multiprocessing_* test_sys test_gc test_capi
test_faulthandler test.test_concurrent_futures.* test_posix test_time test_tracemalloc test.test_asyncio.* test_embed
test__interpreters test__interpchannels test_interpreters test_threadsignals test_monitoring test_site test_cmd_line*
test_socket test_selectors test_ctypes test_memoryview test_exceptions test_threading_local test_generators
test_coroutines test_frame test_eintr test_wait* test_mmap test_resource test_atexit test_import test_code test_io
""".split()
"""Modules to run first, because a profiler is most likely to show in them."""

CONTROL = "# A sitecustomize as in the watched run, without a profiler.\n"
PROFILED = """
import atexit
import os

report = os.environ.pop("SPPROF_SUITE_REPORT", None)  # for the first process alone

import spprof
import spprof.memprof

if not spprof.memprof.is_active():  # as it is in a subinterpreter
    spprof.memprof.start(4, native="patch")
if not spprof.is_active():
    spprof.start(2, native=True)


def write(report=report, open=open, spprof=spprof):
    with open(report, "w") as file:
        file.write(f"{spprof.memprof.get_stats().total_samples} {spprof.stats().collected_samples}")


if report:
    atexit.register(write)
del atexit, os, report, spprof, write
"""


@dataclass
class Run:
    """One run of one module."""

    module: str
    seconds: float = 0
    samples: list[int] = field(default_factory=list)
    """The number of samples of the heap and of the CPU."""
    cases: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """True if the run reported its cases."""
        return self.cases[ENDING] in ("reported", "changed its environment")


# ---- Processes


def prepare_worker() -> None:
    """Make the tests' orphans children of this process, which ends them."""
    pr_set_pdeathsig, pr_set_child_subreaper = 1, 36
    libc = ctypes.CDLL(None)
    libc.prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    libc.prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.nice(10)
    # A shell's background jobs ignore these signals, and so would the tests that use signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def left_behind() -> int:
    """Return how many processes remain. multiprocessing's helper processes end by themselves shortly afterwards."""
    end = time.monotonic() + LEFT_BEHIND_SECONDS
    while True:
        reap()
        left = children()
        if not left or not one_ends(left, end - time.monotonic()):
            return len(left)


def end_children() -> None:
    """End the children and their children, which become children of this process."""
    while True:
        for pid in children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)
            continue
        return


# ---- One run of one module


def run(module: str, way: str, limit: float, said: Path) -> Run:
    with tempfile.TemporaryDirectory(prefix="cp-") as name:  # the path is short, because socket names are created in it
        folder = Path(name)
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "LD_PRELOAD", "SPPROF", "STRESS_", "VIRTUAL_ENV", "MAKE", "MFLAGS"))
        }
        environment.update(
            PYTHONPATH=str(prepare_path(folder, way)),
            PYTHONHASHSEED="0",
            TMPDIR=name,
            SPPROF_SUITE_REPORT=str(folder / "samples"),
        )
        if way == PLAIN:
            del environment["SPPROF_SUITE_REPORT"]
        junit = folder / "report.xml"
        command = [str(PYTHON), "-m", "test", "-v", "--fail-env-changed", "-u", RESOURCES, "--randseed", "1"]
        command += [word for pattern in IGNORED for word in ("--ignore", pattern)]
        command += ["--tempdir", name, "--junit-xml", str(junit), module]
        began = time.monotonic()
        try:
            ending = run_command(command, environment, name, limit, said)
            seconds = round(time.monotonic() - began, 1)
            left = 0 if ending == "hung" else left_behind()
        finally:
            end_children()
        cases = {**outcomes.read(junit), **failures(said), ENDING: ending, LEFT: str(left)}
        samples = []
        with suppress(OSError, ValueError):
            samples = [int(word) for word in (folder / "samples").read_text().split()]
        if way == WATCHED and ending == "reported" and not all(samples[:2] or [0]):
            cases[ENDING] = f"reported without samples ({samples})"
        return Run(module, seconds, samples, cases)


def prepare_path(folder: Path, way: str) -> Path:
    """Create a folder for PYTHONPATH. The two ways of running differ only in what its `sitecustomize` does."""
    path = folder / "path"
    path.mkdir()
    (path / "sitecustomize.py").write_text(CONTROL if way == PLAIN else PROFILED)
    import spprof

    (path / "spprof").symlink_to(Path(spprof.__file__).parent)
    return path


def run_command(command: list[str], environment: dict[str, str], folder: str, limit: float, said: Path) -> str:
    """Run the command and return how it ended."""
    said.parent.mkdir(parents=True, exist_ok=True)
    with said.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            stacks = describe_stacks(of_session(process.pid))
            process.send_signal(signal.SIGABRT)  # regrtest makes faulthandler print each thread's stack
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            output.write(f"\nhung for {limit:.0f} s\n{stacks}\n")
            return "hung"
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    regrtest = {0: "reported", 2: "reported", 3: "changed its environment", 4: "no tests"}
    return regrtest.get(status, f"status {status}")


def failures(said: Path) -> dict[str, str]:
    """Return the failures that the JUnit file omits: subtests, and the setup of classes and modules."""
    found = {}
    pattern = re.compile(r"^(FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)
    for how, name, where in pattern.findall(said.read_text(encoding="utf-8", errors="replace")):
        case = where if where.endswith(f".{name}") else f"{where}.{name}"
        found[case] = "failure" if how == "FAIL" else "error"
    return found


# ---- Kept results


def record(way: str, module: str, number: int) -> Path:
    folder = KEPT / PLAIN if way == PLAIN else KEPT / f"{WATCHED}-{identity()[1]}"
    return folder / f"{module}.{number}.json"


def kept(way: str, module: str, number: int) -> Run | None:
    try:
        return Run(**json.loads(record(way, module, number).read_text()))
    except (OSError, ValueError):
        return None


def get(way: str, module: str, number: int, limit: float, again: bool) -> Run:
    file = record(way, module, number)
    found = None if again else kept(way, module, number)
    if found is None:
        found = run(module, way, limit, file.with_suffix(".txt"))
        file.write_text(json.dumps(asdict(found), indent=1))
    return found


def watched_limit(plain: Run) -> float:
    return 120 + 8 * plain.seconds


def judge(module: str, number: int, again: bool, ways: tuple[str, ...]) -> tuple[str, int]:
    """Run one module both ways, in a worker. Return (module, number of cases that differ)."""
    try:
        # The plain run does not depend on our sources.
        plain = get(PLAIN, module, number, PLAIN_SECONDS, again and number > 0)
        if not plain.whole or WATCHED not in ways:
            return module, 0
        watched = get(WATCHED, module, number, watched_limit(plain), again)
        return module, len(outcomes.changed(plain.cases, watched.cases))
    except (KeyboardInterrupt, SystemExit):
        os._exit(1)  # an executor would continue with the next module


# ---- Comparison


@dataclass
class Difference:
    module: str
    case: str
    plain: list[str]
    """The outcome of each run."""
    watched: list[str]
    reason: str = ""

    @property
    def times(self) -> int:
        return sum(how not in self.plain for how in self.watched)

    @property
    def stays(self) -> bool:
        """True if the difference recurred when the module ran alone, or cannot be due to chance."""
        return self.times > 1 or any(how.startswith("ended by") or how == "hung" for how in self.watched)


def differences(module: str) -> list[Difference]:
    """Return the cases with an outcome under the profilers that they never had without them."""
    runs: dict[str, list[Run]] = {}
    for way in (PLAIN, WATCHED):
        numbered = (kept(way, module, number) for number in range(REPEATS + 1))
        runs[way] = [one for one in numbered if one]
    silent = [one for one in runs[WATCHED] if not one.whole]
    names = {ENDING} if silent else {name for each in runs.values() for one in each for name in one.cases}
    found = []
    for case in sorted(names):
        plain, watched = ([one.cases.get(case, "missing") for one in runs[way]] for way in (PLAIN, WATCHED))
        if set(watched) - set(plain):
            found.append(Difference(module, case, plain, watched, explain(module, case)))
    return found


def explain(module: str, case: str) -> str:
    name = f"{module} {case}" if case in (ENDING, LEFT) else case
    return next((why for pattern, why in explanations() if fnmatch.fnmatchcase(name, pattern)), "")


def explanations() -> list[tuple[str, str]]:
    """Return (pattern of cases, description of the difference) for each item in the list in docs/safety.md."""
    found = []
    for item in re.split(r"^- ", SAFETY.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        text, _, cases = item.partition("\n  - CPython's cases: ")
        differs = " ".join(text.partition("\n  - ")[0].split())
        found += [(pattern, differs) for pattern in re.findall(r"`([^`]+)`", cases.partition("\n\n")[0])]
    return found


HEAD = """# CPython's own test suite under both profilers

`tests/stress/cpython_suite.py` writes this file. Each module of CPython's suite ran in its own process, without a
profiler and with a `sitecustomize` that starts the heap profiler at 4 KiB, by patching, and the CPU profiler at 2 ms,
with native stacks, in the module's process and in every Python that it starts.
[safety.md](../../docs/safety.md#what-a-program-can-observe) gives the reasons.
"""
COLUMNS = "date python commit engine modules cases pass skipped fail-without-us differ unexplained".split()


def write_table(modules: list[str], found: list[Difference]) -> None:
    plain = [one for one in (kept(PLAIN, module, 0) for module in modules) if one]
    pairs = [(one, other) for one in plain if one.whole and (other := kept(WATCHED, one.module, 0))]
    endings = [how for one, _ in pairs for name, how in one.cases.items() if name not in (ENDING, LEFT)]
    passed, skipped = (endings.count(how) for how in (outcomes.PASSED, "skipped"))
    stay, went = ([one for one in found if one.stays is stays] for stays in (True, False))
    cells = [
        datetime.date.today().isoformat(),
        platform.python_version(),
        *identity(),
        *map(str, (len(pairs), len(endings), passed, skipped, len(endings) - passed - skipped)),
        *map(str, (len(stay), sum(not one.reason for one in stay))),
    ]
    seconds = [round(sum(pair[way].seconds for pair in pairs)) for way in (0, 1)]
    samples = [sum(other.samples[of] for _, other in pairs if other.samples) for of in (0, 1)]
    text = [
        HEAD,
        f"| {' | '.join(column.replace('-', ' ') for column in COLUMNS)} |",
        f"|---|---|---|---|{'---:|' * (len(COLUMNS) - 4)}",
        f"| {' | '.join(cells)} |",
        "",
        f"{seconds[0]} s without the profilers, {seconds[1]} s with. The modules' processes made {samples[0]} samples",
        f"of the heap and {samples[1]} of CPU time. Resources: `-u {RESOURCES}`.",
        "",
        "## What differs",
        "",
        *(table(stay) or ["Nothing."]),
        "",
        "## What differed once",
        "",
        f"Not again in {REPEATS} runs of the module alone.",
        "",
        *(table(went) or ["Nothing."]),
        "",
        "## Left out",
        "",
        f"Modules that report no cases without us either: no tests here, or longer than {PLAIN_SECONDS // 60} minutes.",
        "",
        *(f"- {one.module}: {one.cases[ENDING]}" for one in sorted(plain, key=by_name) if not one.whole),
        *(f"- `{pattern}`: {why}" for pattern, why in IGNORED.items()),
    ]
    TABLE.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")


def by_name(one: Run) -> str:
    return one.module


def table(found: list[Difference]) -> list[str]:
    """Return a row for each case, with its outcomes in the plain runs and in the profiled ones."""
    rows: list[list[str]] = []
    for one in found:
        ways = ["; ".join(dict.fromkeys(endings)) for endings in (one.plain, one.watched)]
        times = f"{one.times} of {len(one.watched)}"
        rows.append([one.module, one.case, *ways, times, one.reason or "UNEXPLAINED"])
    columns = ("module", "case", "without", "with", "times", "reason")
    return markdown_tables.table(columns, rows, keys=2) if rows else []


# ---- All modules


def list_modules(patterns: list[str]) -> list[str]:
    """Return the suite's modules that match, starting with those in which a profiler is most likely to show."""
    asked = subprocess.run(
        [str(PYTHON), "-m", "test", "--list-tests"], stdout=subprocess.PIPE, encoding="utf-8", cwd="/", check=True
    )
    names = [name for name in asked.stdout.split() if re.fullmatch(r"[\w.]+", name)]
    chosen = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns or ["*"])]
    rank = {
        name: next((place for place, first in enumerate(FIRST) if fnmatch.fnmatchcase(name, first)), len(FIRST))
        for name in chosen
    }
    return sorted(chosen, key=lambda name: rank[name])


def run_all(modules: list[str], asked: argparse.Namespace) -> None:
    ways = (PLAIN,) if asked.plain else (PLAIN, WATCHED)
    work = [(module, 0) for module in modules]
    differ = judge_all(work, asked.jobs, asked.again, ways)
    if not asked.plain:
        judge_all([(module, number) for module in differ for number in range(1, REPEATS + 1)], 1, asked.again, ways)


def judge_all(work: list[tuple[str, int]], jobs: int, again: bool, ways: tuple[str, ...]) -> list[str]:
    """Run all modules and return those that differ."""
    differ = []
    with ProcessPoolExecutor(jobs, initializer=prepare_worker) as pool:
        waiting = [pool.submit(judge, module, number, again, ways) for module, number in work]
        try:
            for done, finished in enumerate(as_completed(waiting), 1):
                module, changed = finished.result()
                print(f"[{done}/{len(work)}] {module}: {changed or 'nothing'} differs", flush=True)
                if changed:
                    differ.append(module)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return differ


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules or patterns (default: all)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--again", action="store_true", help="also modules that have a result for these sources")
    parser.add_argument("--plain", action="store_true", help="run only without the profilers")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if not carries_suite(str(PYTHON)):
        sys.exit(f"{PYTHON} does not carry its test suite; pyenv's Pythons do")
    modules = list_modules(asked.modules)
    run_all(modules, asked)
    if asked.plain:
        return
    found = [one for module in modules for one in differences(module)]
    if not asked.modules:
        write_table(modules, found)
    print("\n".join(table(found)))
    unexplained = [one for one in found if one.stays and not one.reason]
    print(f"{len(found)} differ, {len(unexplained)} of them without an explanation in docs/safety.md")
    sys.exit(bool(unexplained))


if __name__ == "__main__":
    main()
