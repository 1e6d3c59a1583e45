r"""The environment variable SPPROF: its text, and what it asks for.

    SPPROF="heap=512,cpu=10,out=profiles/,every=60"

Words are separated by commas. A backslash escapes a comma or a backslash in a path.

heap[=KB]      mean KiB between samples (512)          cpu[=MS], wall[=MS]   milliseconds between samples (10)
native         native frames in CPU stacks             budget=PERCENT        of a core, for heap samples
out=FILE|DIR/  where to write                          every=S               write the files every S seconds
keep=N         with every: a series of N snapshots
after=S        start sampling after S seconds          for=S                 sample for S seconds
listen[=ADDR]  listen on a Unix socket, and at ADDR
min-samples=N  processes with fewer write no file      off                   start nothing (alone)
when-rss=SIZE, when-cgroup=PERCENT, on-signal=NAME, on-memory-error          triggers: automatic snapshots

Without heap, cpu and wall, heap is assumed. Two more words are for internal use between the processes of one run:
``run`` says how to find the first process's records, and ``program`` is the name of the process that starts the others.
"""

from __future__ import annotations

from spprof.cli import values
from spprof.cli.settings import BY_PID
from spprof.records import NamedTuple
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIN_SAMPLES = 5
"""A process with fewer samples writes no file, unless it is the first one of ``spprof run``. This skips short-lived
interpreters, which hold almost nothing.
"""


class VariableError(Exception):
    """The text is invalid. The message is a sentence that names the word."""


class Wanted(NamedTuple):
    """What SPPROF asks for."""

    rate_kb: int | None = None
    """None: no heap profile."""
    budget_percent: float | None = None
    interval_ms: float = 0.0
    """0: no CPU profile."""
    mode: str = "cpu"
    is_native: bool = False
    out: str = ""
    """As written in SPPROF; "" means the current folder."""
    every: float = 0.0
    keep: int = 0
    after: float = 0.0
    duration: float = 0.0
    min_samples: int = MIN_SAMPLES
    listens: str = ""
    when_rss: int = 0
    when_cgroup: float = 0.0
    on_signal: int = 0
    on_memory_error: bool = False
    run: str = ""
    program: str = ""


def _text(text: str) -> str:
    """Return a path unchanged, spaces included. Numbers, by contrast, may have spaces around them."""
    return text


_VALUES: dict[str, tuple[str, Callable[[str], object], str]] = {
    "heap": ("rate_kb", values.rate, "heap=512"),
    "cpu": ("interval_ms", values.milliseconds, "cpu=10"),
    "wall": ("interval_ms", values.milliseconds, "wall=10"),
    "budget": ("budget_percent", values.percent, "budget=0.1"),
    "out": ("out", _text, "out=profiles/"),
    "every": ("every", values.seconds, "every=60"),
    "keep": ("keep", values.kept, "keep=60"),
    "after": ("after", values.seconds, "after=10"),
    "for": ("duration", values.seconds, "for=60"),
    "listen": ("listens", values.address, "listen=127.0.0.1:6060"),
    "min-samples": ("min_samples", values.count, f"min-samples={MIN_SAMPLES}"),
    "when-rss": ("when_rss", values.size, "when-rss=1G"),
    "when-cgroup": ("when_cgroup", values.share, "when-cgroup=80"),
    "on-signal": ("on_signal", values.signal, "on-signal=USR2"),
    "run": ("run", _text, "run=…"),
    "program": ("program", _text, "program=app.py"),
}
"""For each word, the field, the parser of its value, and an example."""

_ALONE: dict[str, object] = {
    "heap": values.RATE_KB,
    "cpu": values.INTERVAL_MS,
    "wall": values.INTERVAL_MS,
    "listen": BY_PID,
}
"""Default values of words whose value is optional."""

_FLAGS = {"native": "is_native", "on-memory-error": "on_memory_error"}
"""Words that take no value."""


def wanted_of(text: str) -> Wanted:
    """Return what the text asks for. VariableError: one of its words is invalid."""
    found: dict[str, object] = {}
    for word in _words(text):
        name, equals, value = word.partition("=")
        name = name.strip().lower()
        if name in _FLAGS and not equals:
            found[_FLAGS[name]] = True
        elif name in _VALUES:
            field = _VALUES[name][0]
            if field in found:
                is_pair = found.get("mode", name) != name
                raise VariableError("cpu and wall cannot be combined" if is_pair else f"{name} is given twice")
            found[field] = _value(name, equals, value)
            found.update({"mode": name} if field == "interval_ms" else {})
        elif name or equals:
            known = ", ".join([*list(_VALUES)[:-2], *_FLAGS])
            raise VariableError(f"unknown word {visible(word.strip())}; valid words are {known}, or off by itself")
    return _complete(found)


def _words(text: str) -> Iterator[str]:
    """Yield the words between commas, unescaped."""
    word, characters = "", iter(text)
    for character in characters:
        if character == ",":
            yield word
            word = ""
        else:
            word += next(characters, "") if character == "\\" else character
    yield word


def _value(name: str, equals: str, text: str) -> object:
    _, read, example = _VALUES[name]
    if not text.strip():
        if name in _ALONE and not equals:
            return _ALONE[name]
        raise VariableError(f"{name} needs a value, such as {example}")
    try:
        return read(text)
    except values.OutOfRangeError as error:
        raise VariableError(f"{name}={visible(text)}: it {error}") from None
    except ValueError:
        raise VariableError(f"{name}={visible(text)}: not a number; use for example {example}") from None


def _complete(found: dict[str, object]) -> Wanted:
    if not {"rate_kb", "interval_ms"} & found.keys():
        found["rate_kb"] = values.RATE_KB
    wanted = Wanted(**found)  # type: ignore[arg-type]
    if wanted.is_native and not wanted.interval_ms:
        raise VariableError("native needs cpu or wall; heap profiles always have native frames")
    if wanted.keep and not wanted.every:
        raise VariableError("keep needs every, such as every=60")
    if wanted.keep and wanted.rate_kb is None:
        raise VariableError("keep needs heap")
    if wanted.rate_kb is None and (wanted.when_rss or wanted.when_cgroup or wanted.on_signal or wanted.on_memory_error):
        raise VariableError("when-rss, when-cgroup, on-signal and on-memory-error need heap; add it")
    if wanted.budget_percent is not None and not wanted.rate_kb:
        raise VariableError("budget needs heap with an interval above 0")
    return wanted


def text_of(wanted: Wanted) -> str:
    """Return the text that asks for ``wanted``."""
    words = [] if wanted.rate_kb is None else [f"heap={wanted.rate_kb}"]
    words += [f"{wanted.mode}={_number(wanted.interval_ms)}"] if wanted.interval_ms else []
    words += [word for word, field in _FLAGS.items() if getattr(wanted, field)]
    words += [] if wanted.budget_percent is None else [f"budget={_number(wanted.budget_percent)}"]
    words += ["listen"] if wanted.listens == BY_PID else []
    words += [f"listen={_escaped(wanted.listens)}"] if wanted.listens not in ("", BY_PID) else []
    for name in ("out", "every", "keep", "after", "for", "when-rss", "when-cgroup", "on-signal", "run", "program"):
        value = getattr(wanted, _VALUES[name][0])
        if value:
            words.append(f"{name}={_escaped(value) if isinstance(value, str) else _number(value)}")
    words += [] if wanted.min_samples == MIN_SAMPLES else [f"min-samples={wanted.min_samples}"]
    return ",".join(words)


def _number(value: float) -> str:
    """Format a number with all its digits."""
    return repr(value).removesuffix(".0")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,")
