"""The first thing in the interpreter that ``spprof run`` started: begins to sample, then is the program.

    -c START ─► main ─► recorder started ─► sys.argv, sys.path, __main__ as python sets them ─► the program's code

The program finds what it would find without us: its own ``__main__`` with nothing else in it, LD_PRELOAD as it was, and
tracebacks that begin with its own code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from spprof.cli.interpreter_options import has_safe_path
from spprof.cli.recorder import Recorder
from spprof.cli.run import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType


def main() -> None:
    """Runs the program that the first argument describes. Raises whatever it raises."""
    settings = Settings(*json.loads(sys.argv[1]))
    _restore_preload(settings)
    recorder = Recorder(settings)
    _dress_interpreter(settings)
    module = sys.modules["__main__"].__dict__
    for name in ("sys", "main"):
        module.pop(name, None)
    recorder.start()
    try:
        _execute(settings, module)
    except SystemExit:
        raise
    except BaseException:
        if hasattr(sys, "excepthook"):
            sys.excepthook = _without_our_frames(sys.excepthook)
        raise


def _restore_preload(settings: Settings) -> None:
    """Programs that this one starts are not followed, and see the environment as it was."""
    if settings.preload_before is None:
        os.environ.pop("LD_PRELOAD", None)
    else:
        os.environ["LD_PRELOAD"] = settings.preload_before


def _dress_interpreter(settings: Settings) -> None:
    """``sys.argv`` and ``sys.path`` as the interpreter sets them for a script or for -m."""
    program, arguments = settings.program, sys.argv[2:]
    sys.argv[:] = ["-m" if settings.is_module else program, *arguments]
    if hasattr(sys, "orig_argv"):
        how = ["-m", program] if settings.is_module else [program]
        sys.orig_argv[:] = [sys.orig_argv[0], *settings.options, *how, *arguments]
    if settings.is_module:
        folder = os.getcwd()
    elif _is_importable(program):
        folder = _absolute(program)
    else:
        folder = os.path.dirname(os.path.realpath(program))
    if not has_safe_path() or (not settings.is_module and _is_importable(program)):
        sys.path.insert(0, folder)


def _is_importable(path: str) -> bool:
    """Whether ``path`` is a folder or an archive with a ``__main__`` in it."""
    from pkgutil import get_importer

    return get_importer(path) is not None


def _absolute(path: str) -> str:
    """As the interpreter makes it: a "./" stays where it is."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def _execute(settings: Settings, module: dict[str, Any]) -> None:
    if settings.is_module or _is_importable(settings.program):
        import runpy

        # What "python -m" itself calls; its frames belong to the traceback.
        run: Callable[..., None] = runpy._run_module_as_main  # type: ignore[attr-defined]
        if settings.is_module:
            run(settings.program)
        else:
            run("__main__", False)
    else:
        exec(_code(settings.program, module), module)


def _code(program: str, module: dict[str, Any]) -> CodeType:
    """The script's code, and ``__main__`` as the interpreter prepares it."""
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    path = _absolute(program)
    is_compiled = path.endswith(".pyc")
    loader = (SourcelessFileLoader if is_compiled else SourceFileLoader)("__main__", path)
    module.update(__file__=path, __loader__=loader)
    if sys.version_info < (3, 15):
        module["__cached__"] = None
    if is_compiled:
        code = loader.get_code("__main__")
        assert code is not None, "a loader of a file finds code or raises"
        return code
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _without_our_frames(hook: Callable[..., Any]) -> Callable[..., Any]:
    """``hook``, shown only what happened in the program."""

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        theirs, at = traceback, traceback
        while at:
            if at.tb_frame.f_code.co_filename == __file__:
                theirs = at.tb_next
            at = at.tb_next
        sys.excepthook = hook
        sys.last_traceback = theirs
        hook(kind, error.with_traceback(theirs), theirs)

    return excepthook
