"""``spprof run``: runs a program in its own interpreter, with the library preloaded.

    spprof run … script.py a b ── exec ──► python … -c START {launch} a b ──► bootstrap ──► the program

The process remains the same, so signals, standard input, the terminal and the exit status belong to the program. Errors
that can be detected early (no such script, an output file that exists) are reported first, with exit status 2.
"""

from __future__ import annotations

import os
import sys

from spprof import _engine, environment, supported
from spprof.cli import interpreter_options, values, variable
from spprof.cli import program as program_of
from spprof.cli.arguments import refusal, told_examples
from spprof.cli.outputs import output_of, pair
from spprof.cli.program import Program, ProgramError
from spprof.cli.settings import BY_PID, Launch, Settings
from spprof.cli.terminal import say
from spprof.cli.values import for_argparse
from spprof.cli.variable import Wanted
from spprof.environment import VARIABLE
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import NoReturn

USAGE = (
    "spprof run [-o FILE|DIR/] [-f] [--rate-kb N] [--budget PERCENT] [--cpu [MS]] [--wall] [--native] [--no-heap] "
    "[--every SECONDS [--keep N]] [--for SECONDS] [--after SECONDS] [--no-children] [--preload-children] "
    "[--children-min-samples N] [--arrow-malloc] [--listen [ADDRESS]] [--when-rss SIZE] [--when-cgroup PERCENT] "
    "[--on-signal NAME] [--on-memory-error] "
    "(script.py | -m module | -c code | - | installed-command) [args...]"
)

EXAMPLES = (
    ("spprof run app.py --port 80", "writes spprof-app.py.<pid>.pb.gz when app.py ends"),
    (
        "spprof run --cpu -o app.pb.gz -m app",
        "writes the heap profile to app.pb.gz and the CPU profile to app.cpu.pb.gz",
    ),
    ("spprof run --every 60 -o profiles/ gunicorn app:app", "writes one file per worker and updates it every minute"),
)

_START = (
    "import sys; sys.path[:{skipped}] = []; sys.path.append({folder!r}); "
    "from spprof.cli.bootstrap import main; sys.path.remove({folder!r}); main()"
)
_WITH_VALUE = (
    *("-o", "--output", "--rate-kb", "--budget", "--every", "--keep", "--for", "--after"),
    *("--children-min-samples", "--when-rss", "--when-cgroup", "--on-signal"),
)


def main(words: list[str]) -> int:
    """Replace this process with the program. Return only if that fails. Bad usage exits with status 2."""
    own, following = _split(words)
    if getattr(sys, "frozen", False):
        _error("this program is frozen and has no interpreter to run another program; use python -m spprof run")
    arguments = _plainly_parsed(own) or _parser().parse_args(own, Arguments())
    program, rest = _program(following)
    if environment.is_off():
        say(f"{environment.IS_OFF}: the program runs without profiling, and no file is written")
        words = [sys.executable, *interpreter_options.options(), *program.words, *rest]
        os.execve(sys.executable, words, os.environ)
    if supported.refusal():
        say(supported.refusal())
        return 1
    _complete(arguments)
    output, cpu_output = _outputs(arguments, program.title)
    variables, preload_before = _environment(has_heap=bool(output))
    if arguments.arrow_malloc:
        variables["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    settings = Settings(
        output=output,
        rate_kb=arguments.rate_kb,
        budget_percent=arguments.budget,
        cpu_output=cpu_output,
        interval_ms=arguments.cpu or 0.0,
        mode="wall" if arguments.wall else "cpu",
        is_native=arguments.native,
        every=arguments.every,
        keep=arguments.keep,
        after=arguments.after,
        duration=arguments.duration,
        title=program.title,
        min_samples=arguments.min_samples,
        follows_children=not arguments.no_children,
        listens=arguments.listens,
        when_rss=arguments.when_rss,
        when_cgroup=arguments.when_cgroup,
        on_signal=arguments.on_signal,
        on_memory_error=arguments.on_memory_error,
    )
    launch = Launch(
        settings=tuple(settings),
        kind=program.kind,
        program=program.name,
        options=interpreter_options.options(),
        preload_before=preload_before,
        preloads_children=arguments.preload_children,
        children=_of_children(settings, arguments),
    )
    os.execve(sys.executable, _command(launch, rest), variables)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Split ``words`` into our own options and the rest: the program with its arguments, which we do not interpret."""
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return words[:at], words[at + 1 :]
        if word == "-" or not word.startswith("-") or program_of.is_option_of_kind(word):
            return words[:at], words[at:]
        has_value = word in _WITH_VALUE or _has_value(word, words[at + 1 : at + 2])
        at += 2 if has_value else 1
    return words, []


def _program(words: list[str]) -> tuple[Program, list[str]]:
    if not words:
        _error("give a script or command, -m MODULE, -c CODE, or - for standard input")
    if program_of.is_option_of_kind(words[0]):
        program, rest = program_of.of_option(words[0], words[1:])
        if program is None:
            _error("-m needs a module name" if words[0] == "-m" else "-c needs code to run")
        return program, rest
    try:
        return program_of.named(words[0]), words[1:]
    except ProgramError as error:
        _error(str(error))


def _complete(arguments: Arguments) -> None:
    """Check and complete options that depend on each other."""
    if arguments.budget is not None and arguments.rate_kb == 0:
        _error("--budget cannot limit --rate-kb 0, which samples every allocation")
    if arguments.wall and arguments.cpu is None:
        arguments.cpu = values.INTERVAL_MS
    if arguments.native and arguments.cpu is None:
        _error("--native needs --cpu or --wall; heap profiles always have native frames")
    if arguments.keep:
        _check_series(arguments)
    _check_triggers(arguments)
    if arguments.arrow_malloc and arguments.no_heap:
        _error("--arrow-malloc needs a heap profile, but --no-heap records none")


def _check_triggers(arguments: Arguments) -> None:
    given = {
        "--when-rss": arguments.when_rss,
        "--when-cgroup": arguments.when_cgroup,
        "--on-signal": arguments.on_signal,
        "--on-memory-error": arguments.on_memory_error,
    }
    option = next((option for option, value in given.items() if value), None)
    if option and arguments.no_heap:
        _error(f"{option} needs a heap profile, but --no-heap records none; leave one of them out")
    if arguments.when_cgroup:
        from spprof.process.control_group import limiting_group, no_limit_told

        if limiting_group() is None:
            _error(f"--when-cgroup: {no_limit_told()} (--when-rss)")


def _check_series(arguments: Arguments) -> None:
    if not arguments.every:
        _error("--keep needs --every SECONDS")
    if arguments.no_heap:
        _error("--keep needs a heap profile, but --no-heap records none")
    if not (arguments.output or "").endswith(os.sep):
        _error("--keep writes many files; give a folder for them, such as -o series/")


def _has_value(name: str, following: list[str]) -> bool:
    """Return whether the next word is the option's optional value rather than the program."""
    return (name == "--cpu" and _is_number(following)) or (name == "--listen" and _is_port(following))


def _is_port(words: list[str]) -> bool:
    return bool(words) and os.sep not in words[0] and values.is_address(words[0])


def _is_number(words: list[str]) -> bool:
    """Return whether the next word is the interval rather than the program."""
    whole, _, decimals = words[0].partition(".") if words else ("", "", "")
    return whole.isdecimal() and (not decimals or decimals.isdecimal())


class Arguments:
    """The values of the options."""

    def __init__(self) -> None:
        self.output: str | None = None
        self.force = False
        self.rate_kb = values.RATE_KB
        self.budget: float | None = None
        self.every = 0.0
        self.keep = 0
        self.cpu: float | None = None
        self.wall = False
        self.native = False
        self.no_heap = False
        self.after = 0.0
        self.duration = 0.0
        self.no_children = False
        self.preload_children = False
        self.arrow_malloc = False
        self.min_samples = variable.MIN_SAMPLES
        self.listens = ""
        self.when_rss = 0
        self.when_cgroup = 0.0
        self.on_signal = 0
        self.on_memory_error = False


_FLAGS = {"-f": "force", "--force": "force", "--wall": "wall", "--native": "native", "--no-heap": "no_heap"}
_FLAGS.update({"--no-children": "no_children", "--preload-children": "preload_children"})
_FLAGS.update({"--arrow-malloc": "arrow_malloc", "--on-memory-error": "on_memory_error"})
_NAMES = {"-o": "output", "--output": "output", "--rate-kb": "rate_kb", "--budget": "budget", "--every": "every"}
_NAMES.update(
    {"--keep": "keep", "--cpu": "cpu", "--after": "after", "--for": "duration", "--children-min-samples": "min_samples"}
)
_NAMES.update({"--listen": "listens"})
_WITHOUT_VALUE = {"--cpu": str(values.INTERVAL_MS), "--listen": BY_PID}
_NAMES.update({"--when-rss": "when_rss", "--when-cgroup": "when_cgroup", "--on-signal": "on_signal"})


def _plainly_parsed(words: list[str]) -> Arguments | None:
    """Parse well-formed options in their usual spelling, without the cost of importing ``argparse``.

    None: argparse is needed, usually to print the help or an error.
    """
    found = Arguments()
    waiting = list(words)
    while waiting:
        name, equals, value = waiting.pop(0).partition("=")
        if name in _FLAGS and not equals:
            setattr(found, _FLAGS[name], True)
            continue
        if name not in _NAMES or (equals and not name.startswith("--")):
            return None
        if name in _WITHOUT_VALUE and not equals and not _has_value(name, waiting[:1]):
            value = _WITHOUT_VALUE[name]
        elif not equals:
            value = waiting.pop(0) if waiting else ""
        if not value or value.startswith("-"):
            return None
        try:
            setattr(found, _NAMES[name], _TYPES[_NAMES[name]](value))
        except Exception:
            return None
    return found


def _error(message: str) -> NoReturn:
    _parser().error(message)


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="spprof run",
        usage=USAGE,
        description="Run a program as Python would and write its heap profile, its CPU profile, or both.",
        epilog=told_examples(EXAMPLES)
        + "\nRead the file with spprof table, tree, imports, flamegraph, stats or diff, or with go tool pprof,\n"
        "Pyroscope, Parca or Grafana.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE|DIR/",
        help="output file (default: spprof-<program>.<pid>.pb.gz), or a folder for such files, created if missing",
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite FILE if it exists")
    parser.add_argument(
        "--rate-kb",
        type=_rate,
        default=values.RATE_KB,
        metavar="N",
        help="mean KiB between samples (default: 512); 0 samples every allocation, which can be a hundred times slower",
    )
    parser.add_argument(
        "--budget",
        type=_percent,
        metavar="PERCENT",
        help="maximum percentage of a core to spend on heap samples, such as 0.1; above it, spprof samples less often",
    )
    parser.add_argument(
        "--every",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="also write the file every SECONDS while the program runs",
    )
    parser.add_argument(
        "--keep",
        type=_kept,
        default=0,
        metavar="N",
        help="with --every and -o DIR/: keep a series of at most N snapshots, for spprof growth DIR/ and other verbs",
    )
    parser.add_argument(
        "--cpu",
        nargs="?",
        type=_milliseconds,
        const=values.INTERVAL_MS,
        metavar="MS",
        help="also profile CPU time, sampling each thread every MS milliseconds (default: 10); the file is FILE with "
        ".cpu before its suffix",
    )
    parser.add_argument(
        "--wall", action="store_true", help="profile wall-clock time instead, including waiting threads"
    )
    parser.add_argument("--native", action="store_true", help="record native frames in the stacks of --cpu and --wall")
    parser.add_argument("--no-heap", action="store_true", help="record no heap profile; FILE is then the CPU profile")
    parser.add_argument(
        "--after", type=_seconds, default=0.0, metavar="SECONDS", help="start sampling SECONDS after the program starts"
    )
    parser.add_argument(
        "--for",
        dest="duration",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="sample for SECONDS, then write the files; the program continues",
    )
    parser.add_argument(
        "--no-children",
        action="store_true",
        help="profile only this process, not those it forks or the Python programs it starts",
    )
    parser.add_argument(
        "--preload-children",
        action="store_true",
        help="keep the library in LD_PRELOAD for programs that this one starts, even if they are not Python",
    )
    parser.add_argument(
        "--children-min-samples",
        dest="min_samples",
        type=_count,
        default=variable.MIN_SAMPLES,
        metavar="N",
        help=f"child processes with fewer than N samples write no file (default: {variable.MIN_SAMPLES})",
    )
    parser.add_argument(
        "--listen",
        dest="listens",
        nargs="?",
        type=_address,
        const=BY_PID,
        default=argparse.SUPPRESS,
        metavar="ADDRESS",
        help="let spprof ps, top, snapshot, dump and rss query each process over a Unix socket; also serve HTTP at "
        "ADDRESS (such as 127.0.0.1:6060, or --listen=PATH); the token is printed unless SPPROF_TOKEN sets it",
    )
    parser.add_argument(
        "--arrow-malloc",
        action="store_true",
        help="make Arrow (pyarrow, pandas) allocate with malloc instead of its own pool, whose allocations have no "
        "known lines; sets ARROW_DEFAULT_MEMORY_POOL=system, for child programs too",
    )
    parser.add_argument(
        "--when-rss",
        type=_size,
        default=0,
        metavar="SIZE",
        help="write a snapshot when RSS reaches SIZE (such as 1G) and at each doubling; only the latest is kept",
    )
    parser.add_argument(
        "--when-cgroup",
        type=_share,
        default=0.0,
        metavar="PERCENT",
        help="write a snapshot when the control group uses PERCENT (such as 80) of its limit, and again as it gets "
        "closer to the limit",
    )
    parser.add_argument(
        "--on-signal",
        type=_signal,
        default=0,
        metavar="NAME",
        help="write a snapshot each time signal NAME (such as USR2) arrives",
    )
    parser.add_argument(
        "--on-memory-error",
        action="store_true",
        help="write a snapshot when an allocation fails, at most once a minute",
    )
    return parser


_rate, _percent, _seconds = map(for_argparse, (values.rate, values.percent, values.seconds))
_milliseconds, _count, _kept = map(for_argparse, (values.milliseconds, values.count, values.kept))
_address, _size, _share, _signal = map(for_argparse, (values.address, values.size, values.share, values.signal))
_TYPES: dict[str, Callable[[str], object]] = {
    "output": str,
    "rate_kb": _rate,
    "budget": _percent,
    "every": _seconds,
    "keep": _kept,
    "cpu": _milliseconds,
    "after": _seconds,
    "duration": _seconds,
    "min_samples": _count,
    "listens": _address,
    "when_rss": _size,
    "when_cgroup": _share,
    "on_signal": _signal,
}


def _outputs(arguments: Arguments, program: str) -> tuple[str, str]:
    """Return the paths of the heap and CPU files; "" if there is no such file. The paths are absolute because the
    program may change its current folder.
    """
    from spprof.formats.atomic_file import is_written_directly

    if arguments.no_heap and arguments.cpu is None:
        _error("--no-heap leaves nothing to record; add --cpu or --wall")
    try:
        output = output_of(arguments.output, program, os.getpid())
    except FileNotFoundError:
        _error("the current folder has been removed; give an absolute path: -o /FOLDER/FILE")
    except OSError as error:
        _error(f"cannot create the folder {visible(arguments.output or '')}: {error.strerror}")
    is_named = bool(arguments.output) and not str(arguments.output).endswith(os.sep)
    outputs = pair(output, has_heap=not arguments.no_heap, has_cpu=arguments.cpu is not None, is_named=is_named)
    if all(outputs) and is_written_directly(output):
        _error(
            f"there are two files to write, but {visible(output)} can only take one; use a regular file or --no-heap"
        )
    for path in filter(None, outputs):
        reason = refusal(path, arguments.force)
        if reason:
            _error(reason)
        if arguments.every and is_written_directly(path):
            _error(f"--every rewrites the file, but {visible(path)} cannot be rewritten; use a regular file")
    return outputs


def _environment(has_heap: bool = True) -> tuple[dict[str, str], str | None]:
    """Return the environment, which preloads the library if the heap is recorded, and the previous LD_PRELOAD. On macOS
    nothing is preloaded: libmalloc's logger reports native allocations.
    """
    environment = dict(os.environ)
    before = environment.get("LD_PRELOAD")
    environment.pop(VARIABLE, None)  # profile the program, not this interpreter's startup
    if not has_heap or supported.is_macos():
        return environment, before
    library = _engine.library_path()
    entries = (before or "").replace(":", " ").split()
    if any(character in library for character in ": "):
        say(
            f"cannot preload a path that contains a space or a colon ({visible(library)}); "
            "native allocations are tracked by patching instead"
        )
    elif library not in entries:
        environment["LD_PRELOAD"] = f"{library}:{before}" if before else library
    return environment, before


def _of_children(settings: Settings, arguments: Arguments) -> str:
    """Return SPPROF for the programs that this one starts; "": they are not profiled."""
    from spprof.formats.atomic_file import is_written_directly

    first = settings.output or settings.cpu_output
    if arguments.no_children or is_written_directly(first):
        return ""
    is_named = arguments.output and not arguments.output.endswith(os.sep)
    wanted = Wanted(
        rate_kb=settings.rate_kb if settings.output else None,
        budget_percent=settings.budget_percent if settings.output else None,
        interval_ms=settings.interval_ms,
        mode=settings.mode,
        is_native=settings.is_native,
        out=first if is_named else os.path.join(os.path.dirname(first), ""),
        every=settings.every,
        keep=settings.keep,
        after=settings.after,
        duration=settings.duration,
        min_samples=settings.min_samples,
        listens=BY_PID if settings.listens else "",
        when_rss=settings.when_rss,
        when_cgroup=settings.when_cgroup,
        on_signal=settings.on_signal,
        on_memory_error=settings.on_memory_error,
        program=settings.title,
    )
    return variable.text_of(wanted)


def _command(launch: Launch, arguments: list[str]) -> list[str]:
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    start = _START.format(skipped=0 if interpreter_options.has_safe_path() else 1, folder=folder)
    return [sys.executable, *launch.options, "-c", start, launch.argument, *arguments]
