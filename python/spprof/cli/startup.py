"""Starts what SPPROF asks for, in an interpreter that finds SPPROF in its environment, before any code of the program
runs.

    site ─► spprof.pth ─► main ─► recorder started, SPPROF rewritten for the programs that this one starts

Nothing here stops the program: an error in SPPROF, or in what it asks for, is reported in one line, and the program
runs without profiling. Programs with elevated privileges (set-uid, capabilities) always run without profiling, since
the variable is under the user's control.
"""

from __future__ import annotations

import os

from spprof import _engine, environment, supported
from spprof.cli import family, variable
from spprof.cli.arguments import absolute
from spprof.cli.interpreter_options import command_of, words_of_process
from spprof.cli.outputs import of_new_program
from spprof.cli.settings import Settings
from spprof.cli.terminal import say
from spprof.formats.atomic_file import is_written_directly
from spprof.on_demand import is_command
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.cli.recorder import Recorder
    from spprof.cli.variable import Wanted

_MULTIPROCESSING = "--multiprocessing-fork"


def main() -> None:
    """Start what SPPROF asks for, once per process."""
    text = os.environ.get(environment.VARIABLE, "")
    if not text or environment.is_off() or not _engine.is_main_interpreter() or _engine.is_privileged():
        return
    first = object()
    if _engine.kept().setdefault("started by SPPROF", first) is not first:
        return  # there are two spprof.pth files
    command = words_of_process()
    words = command[1:]
    if _is_our_command(words) or family.is_tracker(words):
        return
    if supported.refusal():
        say(f"SPPROF has no effect here: {supported.refusal()}")
        return
    try:
        _start(variable.wanted_of(text), command, is_helper=family.helper_of(words) is not None)
    except variable.VariableError as error:
        say(f"SPPROF has no effect here: {error}")
    except OSError as error:
        where = visible(os.fsdecode(error.filename)) if error.filename else "its files"
        say(f"SPPROF has no effect here: cannot write to {where}: {error.strerror}")


def _start(wanted: Wanted, command: list[str], *, is_helper: bool) -> None:
    from spprof.cli.recorder import Recorder

    title = _title(command, wanted.program)
    wanted = wanted._replace(out=_place(wanted.out))
    has_heap, has_cpu = wanted.rate_kb is not None, bool(wanted.interval_ms)
    output, cpu_output = of_new_program(wanted.out, title, os.getpid(), has_heap=has_heap, has_cpu=has_cpu)
    _check_folder(output or cpu_output)
    settings = Settings(
        output=output,
        rate_kb=wanted.rate_kb or 0,
        budget_percent=wanted.budget_percent,
        cpu_output=cpu_output,
        interval_ms=wanted.interval_ms,
        mode=wanted.mode,
        is_native=wanted.is_native,
        every=wanted.every,
        keep=wanted.keep,
        after=wanted.after,
        duration=wanted.duration,
        title=title,
        min_samples=wanted.min_samples,
        follows_children=True,
        listens=wanted.listens,
        when_rss=wanted.when_rss,
        when_cgroup=wanted.when_cgroup,
        on_signal=wanted.on_signal,
        on_memory_error=wanted.on_memory_error,
    )
    recorder = Recorder(settings, is_first=False, is_helper=is_helper)
    if wanted.run:
        recorder.join(wanted.run)
    os.environ[environment.VARIABLE] = variable.text_of(wanted._replace(program=title))
    _start_quietly(recorder)


def _start_quietly(recorder: Recorder) -> None:
    """Start the recorder. Print its warnings as lines of our own, because no code of the program has run yet."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            recorder.start()
        except Exception as error:  # a sandbox may refuse timers
            recorder.forget()
            say(f"SPPROF has no effect here: {error}")
    for one in caught:
        say(str(one.message))


def _place(out: str) -> str:
    """Return the absolute path to write to; a folder ends with a slash. VariableError: it cannot hold several files."""
    path = absolute(out or ".")
    if not out or out.endswith(os.sep) or os.path.isdir(path):
        return os.path.join(path, "")
    if is_written_directly(path):
        raise variable.VariableError(
            f"out={visible(out)}: this is not a regular file; each process writes its own, so give a folder, such "
            "as out=profiles/"
        )
    return path


def _check_folder(path: str) -> None:
    """Check that files can be written in the folder of ``path``, or raise OSError."""
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        os.listdir(folder)  # raises an error with the reason if the folder is missing
        raise PermissionError(13, "the folder is not writable", folder)


# ---- The program


def _title(command: list[str], of_parent: str) -> str:
    """Return the name that is used for files and recorded in them. Never return code or arguments, which may hold
    secrets.
    """
    interpreter, words = os.path.basename(command[0]), command[1:]
    if interpreter and not interpreter.lower().startswith("py"):
        return interpreter  # the process embeds Python, like uwsgi, so its words are not Python's
    named = command_of(words).program
    if named[:1] == ["-m"] and len(named) > 1:
        return os.path.basename(named[1])
    if named[:1] in (["-c"], ["-"]):
        is_worker = _MULTIPROCESSING in words or family.helper_of(words) is not None
        return (of_parent if is_worker else "") or ("command" if named[:1] == ["-c"] else "stdin")
    return os.path.basename(os.path.abspath(named[0])) if named else "python"


def _is_our_command(words: list[str]) -> bool:
    """Return whether this is the ``spprof`` command, which either profiles no program itself or becomes the program."""
    named = command_of(words).program
    return is_command() or named[:2] == ["-m", "spprof"] or os.path.basename((named or [""])[0]) == "spprof"
