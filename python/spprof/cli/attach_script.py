"""The script that the attached program's main thread runs, and the folder through which both sides communicate.

    FOLDER/script.py   runs sooner or later, or never   FOLDER/wanted   the side that renames it decides: the script
    FOLDER/answer      the script's result, as JSON                     renames it to "taken", the attaching process,
    FOLDER/fetched     created once the snapshot has                    when it stops waiting, to "late"
                       been fetched

If CPython cannot read a script, or if the script raises, CPython reports this on stderr. The script file therefore
stays until it has run, and nothing in it raises. If it runs too late, it removes itself and the folder. Tracers and
profilers of the thread see only its first two frames. ``sys.path`` and ``sys.modules`` are unchanged except for this
package.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress

from spprof import __version__
from spprof.process.other_process import is_there

PLACE = "/tmp"
_PREFIX = "spprof-attach"
_PRIVATE = 0o700
_RANDOM_BYTES = 8
_LOOKED_EVERY = 0.02
_ANSWER_BYTES = 65536
_ANSWERED_WITHIN = 60.0
"""Seconds since the script began."""

_SCRIPT = """\
def _spprof_attach(folder, deadline, package, version, rate_kb, seconds):
    import posix, sys, time

    def leave():
        for name in ("script.py", "late", "wanted"):
            try:
                posix.unlink(f"{{folder}}/{{name}}")
            except OSError:
                pass
        try:
            posix.rmdir(folder)
        except OSError:
            pass

    def load():
        known = sys.modules.get("spprof")
        if known is not None:
            return known
        from _frozen_importlib import _load
        from _frozen_importlib_external import PathFinder, spec_from_file_location
        found = PathFinder.find_spec("spprof")
        if found is None:
            path = f"{{package}}/spprof"
            found = spec_from_file_location("spprof", f"{{path}}/__init__.py", submodule_search_locations=[path])
        return _load(found)

    def work():
        found = getattr(load(), "__version__", None)
        if found != version:
            other = f"it has spprof {{found}}, but this is {{version}}; use the spprof installed in its environment"
            return {{"error": other if found else "it is importing spprof right now; try again"}}
        from spprof.http.attached import begin
        return begin(rate_kb, seconds, f"{{folder}}/fetched")

    def tell(answer):
        import _json
        pairs = [(key, str(value)) for key, value in answer.items()]
        text = ",".join(f"{{_json.encode_basestring_ascii(key)}}:{{_json.encode_basestring_ascii(value)}}"
                        for key, value in pairs)
        end = posix.open(f"{{folder}}/half", posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
        try:
            posix.write(end, ("{{" + text + "}}").encode())
        finally:
            posix.close(end)
        posix.rename(f"{{folder}}/half", f"{{folder}}/answer")

    def attach():
        try:
            if time.monotonic() > deadline:
                return leave()
            posix.rename(f"{{folder}}/wanted", f"{{folder}}/taken")
        except OSError:
            return leave()
        try:
            answer = work()
        except (KeyboardInterrupt, SystemExit):
            tell({{"error": "it was interrupted; try again"}})
            raise
        except BaseException as error:
            answer = {{"error": f"{{error}}" or type(error).__name__}}
        tell(answer)

    def later(error):
        import _thread, signal
        number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM
        main, own = _thread.get_ident(), later.__code__.co_filename

        def is_inside():
            frame = sys._current_frames().get(main)
            while frame is not None and frame.f_code.co_filename != own:
                frame = frame.f_back
            return frame is not None

        def send():
            while is_inside():
                time.sleep(0.001)
            posix.kill(posix.getpid(), number)

        _thread.start_new_thread(send, ())

    tracer, profiler = sys.gettrace(), sys.getprofile()
    try:
        if tracer is not None:
            sys.settrace(None)
        if profiler is not None:
            sys.setprofile(None)
        try:
            attach()
        except (KeyboardInterrupt, SystemExit) as error:
            later(error)
    except BaseException:
        pass
    finally:
        if profiler is not None:
            sys.setprofile(profiler)
        if tracer is not None:
            sys.settrace(tracer)

_spprof_attach({folder!r}, {deadline!r}, {package!r}, {version!r}, {rate_kb!r}, {seconds!r})
"""


class NotReachedError(Exception):
    """The script has not run, and will no longer do anything."""


class Talk:
    """The folder as the attaching process sees it.

    If that process runs as root and the program belongs to another user, the folder also belongs to that user, who may
    have replaced it. It is therefore accessed only through its descriptor.
    """

    def __init__(self, pid: int, user: int, group: int) -> None:
        """``user`` and ``group`` are the program's, which must be able to read the files. OSError: the folder cannot be
        created.
        """
        _remove_left_ones()
        self.folder = os.path.join(PLACE, f"{_PREFIX}.{pid}.{os.urandom(_RANDOM_BYTES).hex()}")
        os.mkdir(self.folder, _PRIVATE)
        self._inside = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._owner = (user, group) if user != os.geteuid() else None
        self.write("wanted", "")

    @property
    def script(self) -> str:
        return os.path.join(self.folder, "script.py")

    def write(self, name: str, text: str) -> None:
        """Create a file in the folder."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        end = os.open(name, flags, 0o600, dir_fd=self._inside)
        with open(end, "w", encoding="utf-8") as file:
            file.write(text)
            if self._owner:
                os.fchown(end, *self._owner)

    def write_script(self, within: float, rate_kb: int, seconds: float) -> None:
        """Write the script. ``within``: the number of seconds within which it must run."""
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        how = {"folder": self.folder, "deadline": time.monotonic() + within, "package": package}
        self.write("script.py", _SCRIPT.format(**how, version=__version__, rate_kb=rate_kb, seconds=seconds))
        if self._owner:
            os.fchown(self._inside, *self._owner)

    def answer(self, within: float) -> dict[str, str]:
        """Return what the script did. NotReachedError: it did not run for ``within`` seconds, or is not finishing."""
        ends_at, is_given_up = time.monotonic() + within, False
        while True:
            found = self._answer_so_far()
            if found:
                return found
            if time.monotonic() >= ends_at:
                if is_given_up or self._give_up():
                    raise NotReachedError
                is_given_up, ends_at = True, time.monotonic() + _ANSWERED_WITHIN
            time.sleep(_LOOKED_EVERY)

    def _answer_so_far(self) -> dict[str, str]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with open(os.open("answer", flags, dir_fd=self._inside), "rb") as file:
                found = json.loads(file.read(_ANSWER_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise NotReachedError from error
        return {str(key): str(value) for key, value in found.items()}

    def _give_up(self) -> bool:
        """Return whether the script has not begun and will do nothing."""
        try:
            os.rename("wanted", "late", src_dir_fd=self._inside, dst_dir_fd=self._inside)
        except OSError:
            return False
        return True

    def close(self, *, is_left: bool) -> None:
        """Remove the folder, unless the script may still run."""
        if not is_left:
            for name in os.listdir(self._inside):
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._inside)
            with suppress(OSError):
                os.rmdir(self.folder)
        os.close(self._inside)


def _remove_left_ones() -> None:
    """Remove the folders of programs that ended without running the script."""
    with os.scandir(PLACE) as entries:
        for entry in entries:
            beginning, _, rest = entry.name.partition(".")
            pid = rest.partition(".")[0]
            if beginning != _PREFIX or not pid.isdecimal() or is_there(int(pid)):
                continue
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    shutil.rmtree(entry.path)
