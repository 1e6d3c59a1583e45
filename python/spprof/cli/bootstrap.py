"""The first code in the interpreter that ``spprof run`` starts: starts sampling, then becomes the program.

    -c START ─► main ─► recorder started ─► sys.argv, sys.path, __main__ as python sets them ─► the program's code

The program sees the same environment as without the profiler: its own ``__main__`` with nothing else in it, the
previous LD_PRELOAD, and tracebacks that begin with its own code.
"""

from __future__ import annotations

import os
import sys

from spprof import environment
from spprof.cli.interpreter_options import has_safe_path
from spprof.cli.program import CODE, MODULE, SCRIPT, STDIN, Program
from spprof.cli.recorder import Recorder
from spprof.cli.settings import Settings, launch_of
from spprof.records import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType
    from typing import Any

    from spprof.cli.settings import Launch


def main() -> None:
    """Run the program that the first argument describes. Propagate its exceptions."""
    launch = launch_of(sys.argv[1])
    recorder = Recorder(Settings(*launch.settings))  # type: ignore[arg-type]
    _restore_environment(launch, recorder)
    _dress_interpreter(launch)
    module = sys.modules["__main__"].__dict__
    for name in ("sys", "main"):
        module.pop(name, None)
    recorder.start()
    program = _Program(launch, module)
    try:
        program.run()
    except SystemExit:
        raise
    except BaseException:
        if hasattr(sys, "excepthook"):
            sys.excepthook = _without_our_frames(sys.excepthook)
        raise
    finally:
        if not program.has_begun:
            recorder.forget()


def _restore_environment(launch: Launch, recorder: Recorder) -> None:
    """Set the environment for programs that this one starts: SPPROF and, unless the library is also preloaded in them,
    the previous LD_PRELOAD.
    """
    if launch.children:
        os.environ[environment.VARIABLE] = recorder.opened_to_programs(launch.children)
    if launch.preloads_children:
        return
    if launch.preload_before is None:
        os.environ.pop("LD_PRELOAD", None)
    else:
        os.environ["LD_PRELOAD"] = launch.preload_before


def _dress_interpreter(launch: Launch) -> None:
    """Set ``sys.argv`` and ``sys.path`` as the interpreter does for a script or for -m."""
    program, arguments = launch.program, sys.argv[2:]
    words = Program(launch.kind, program).words
    sys.argv[:] = [words[0], *arguments]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.orig_argv[0], *launch.options, *words, *arguments]
    is_importable = launch.kind == SCRIPT and _is_importable(program)
    if launch.kind == MODULE:
        folder = os.getcwd()
    elif launch.kind in (CODE, STDIN):
        folder = ""
    elif is_importable:
        folder = _absolute(program)
    else:
        folder = os.path.dirname(os.path.realpath(program))
    if not has_safe_path() or is_importable:
        sys.path.insert(0, folder)


def _is_importable(path: str) -> bool:
    """Return whether ``path`` is a folder or an archive that contains a ``__main__``."""
    if path in sys.path_importer_cache:
        return sys.path_importer_cache[path] is not None
    for hook in sys.path_hooks:  # like pkgutil.get_importer, without pkgutil's many imports
        with suppress(ImportError):
            sys.path_importer_cache.setdefault(path, hook(path))
            return True
    return False


def _absolute(path: str) -> str:
    """Make ``path`` absolute in the way that the interpreter does: a "./" is kept."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


class _Program:
    """The program, in the module that is ``__main__``."""

    def __init__(self, launch: Launch, module: dict[str, Any]) -> None:
        self._kind, self._name = launch.kind, launch.program
        self._module = module
        self._has_code = False

    @property
    def has_begun(self) -> bool:
        """True once the program has been found, read and compiled."""
        return self._has_code or self._module.get("__spec__") is not None

    def run(self) -> None:
        if self._kind == MODULE or (self._kind == SCRIPT and _is_importable(self._name)):
            import runpy

            # "python -m" calls this function itself, so its frames belong in the traceback.
            run: Callable[..., None] = runpy._run_module_as_main  # type: ignore[attr-defined]
            if self._kind == MODULE:
                run(self._name)
            else:
                run("__main__", False)
            return
        if self._kind == SCRIPT:
            code = _code(self._name, self._module)
        else:
            code = _piped_code(self._module) if self._kind == STDIN else _text_code(self._name)
        self._has_code = True
        exec(code, self._module)


def _piped_code(module: dict[str, Any]) -> CodeType:
    """Compile the code read from standard input, under the file name "<stdin>"."""
    module["__file__"] = "<stdin>"
    if sys.version_info < (3, 15):
        module["__cached__"] = None
    return compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True)


def _text_code(text: str) -> CodeType:
    """Compile the code of -c."""
    code = compile(text, "<string>", "exec", dont_inherit=True)
    if sys.version_info >= (3, 13):  # from this version on, tracebacks show lines of -c
        import linecache

        register = getattr(linecache, "_register_code", None)
        if register is not None:
            with suppress(Exception):
                register(code if hasattr(linecache, "_interactive_cache") else "<string>", text, "<string>")
    return code


def _code(program: str, module: dict[str, Any]) -> CodeType:
    """Return the script's code, and set up ``__main__`` as the interpreter does."""
    from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader

    path = _absolute(program)
    is_compiled = path.endswith(".pyc")
    loader = (SourcelessFileLoader if is_compiled else SourceFileLoader)("__main__", path)
    module.update(__file__=path, __loader__=loader)
    if sys.version_info < (3, 15):
        module["__cached__"] = None
    if is_compiled:
        code = loader.get_code("__main__")
        assert code is not None, "a file's loader finds code or raises"
        return code
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _without_our_frames(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``hook`` so that it sees only the program's own frames."""

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
