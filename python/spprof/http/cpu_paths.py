"""The paths for CPU time: what the program does during the next seconds.

    no profile running        ─► the request starts its own ─► seconds ─► it ends
    the program's is running  ─► the counters               ─► seconds ─► its samples of that time; it continues

The program notices neither. If the program starts a profile itself in the meantime, the request's profile ends early
and returns what it has.
"""

from __future__ import annotations

from spprof import _engine, cpu, environment
from spprof.cpu_time import block
from spprof.http.answers import Later, RefusalError
from spprof.http.claims import Claim
from spprof.http.heap_paths import packed, page
from spprof.records import suppress
from spprof.serve.background import GaveWayError, give_way
from spprof.symbolize.thread_names import python_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from spprof.cpu_time.profile import Profile
    from spprof.http.answers import Answer, Step
    from spprof.http.query import Query

PROFILE: Final = "a CPU profile"
_SECONDS: Final = 30.0
_INTERVAL_MS: Final = 10.0
_ENDING_SECONDS, _ENDING_TRIES = 0.02, 500


def profile(query: Query) -> Step:
    """``/debug/pprof/profile``: the next ``seconds``; with 0, what the program's own profile has recorded so far."""
    return _profile(query, lambda found: packed(found.to_pprof(), "profile.pb.gz"))


def flamegraph(query: Query) -> Step:
    """``/debug/pprof/profile``, but as an HTML page."""
    with_source = query.flag("source")
    return _profile(query, lambda found: page(found.to_pprof(), with_source))


def _profile(query: Query, show: Callable[[Profile], Answer]) -> Step:
    seconds = query.seconds(_SECONDS, 0.0)
    mode = query.text("mode")
    if mode not in ("", "cpu", "wall"):
        raise RefusalError(400, "mode must be cpu or wall")
    interval_ms = query.number("interval_ms", _INTERVAL_MS, 1.0, 1000.0)
    if environment.is_off():
        raise RefusalError(409, environment.IS_OFF)
    if not seconds:
        return show(_so_far())
    return _Span(seconds, show).begin(interval_ms, mode)


def _so_far() -> Profile:
    if not cpu.is_active():
        raise RefusalError(409, "the program is not recording a CPU profile; give seconds=30, or POST /start?cpu=10")
    found = cpu.running()
    give_way()
    return found


class _Span:
    """The program's CPU profile during a span of time."""

    def __init__(self, seconds: float, show: Callable[[Profile], Answer]) -> None:
        self._seconds = seconds
        self._show = show
        self._tries = _ENDING_TRIES
        self._own: cpu.PassingProfile | None = None
        self._before: dict[str, Any] | None = None
        self._found: Profile | None = None
        self._claim = Claim(PROFILE, seconds)

    def begin(self, interval_ms: float, mode: str) -> Later:
        """Start a profile, or use the one that is running."""
        try:
            if not cpu.is_active():
                self._begin_own(interval_ms, mode or "cpu")
            if self._own is None:
                self._join(mode)
        except BaseException:
            self._abandon()
            raise
        return Later(self._seconds, self._end, self._abandon)

    def _begin_own(self, interval_ms: float, mode: str) -> None:
        try:
            self._own = cpu.PassingProfile(interval_ms, mode)
        except RuntimeError as error:
            if not cpu.is_active():  # otherwise the program started one first
                raise RefusalError(409, str(error)) from error
        except OSError as error:
            raise RefusalError(503, f"CPU time cannot be sampled here: {error.strerror or error}") from error

    def _join(self, mode: str) -> None:
        before = block.begin()
        if mode not in ("", before["mode"]):
            raise RefusalError(
                409,
                f"the program's own profile is running in mode {before['mode']}; leave mode out, or stop that profile",
            )
        self._before = before

    def _end(self) -> Step:
        try:
            if self._found is None:
                self._found = self._taken()
            if self._found is None:  # the program is ending it right now
                self._tries -= 1
                return Later(_ENDING_SECONDS, self._end, self._abandon)
            answer = self._show(self._found)
        except GaveWayError:  # this is called again
            raise
        except BaseException:
            self._abandon()
            raise
        self._abandon()
        return answer

    def _taken(self) -> Profile | None:
        if self._own is not None:
            found = self._own.end()
            if found is None and (self._tries == 0 or self._own.is_over):
                raise RefusalError(503, "the profile was lost because the program started its own; try again")
            return found
        assert self._before is not None, "it has begun"
        if _engine.cpu_stats()["epochs"] != self._before["epochs"]:
            raise RefusalError(409, "the program has started another CPU profile in the meantime; try again")
        found = block.profile_since(self._before, python_names())
        found.parts()  # reads the samples now
        return found

    def _abandon(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            with suppress(Exception):
                own.end()
        self._claim.release()

    def __del__(self) -> None:
        with suppress(Exception):
            self._abandon()
