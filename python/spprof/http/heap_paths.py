"""The paths for the heap: as pprof, as the difference between two snapshots, in Go's old text format, or as an HTML
page.
"""

from __future__ import annotations

from spprof import _engine, environment, formats, memprof
from spprof.http import heap_text
from spprof.http.answers import BINARY, HTML, TEXT, Answer, Later, RefusalError
from spprof.http.claims import Claim
from spprof.on_demand import module
from spprof.pprof.file import written
from spprof.pprof.profile import ALLOC_SPACE
from spprof.records import replace, suppress
from spprof.reserve import with_reserve
from spprof.serve.background import GaveWayError, give_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from spprof.http.answers import Step
    from spprof.http.query import Query
    from spprof.pprof import difference as differences
    from spprof.pprof.profile import Profile
else:
    differences = module("spprof.pprof.difference")

DIFFERENCE: Final = "a heap difference"
SNAPSHOT: Final = "a heap snapshot"
_SECONDS_MIN: Final = 0.01
_TURN_SECONDS, _TURNS = 0.05, 600


def heap(query: Query) -> Step:
    """``/debug/pprof/heap``: live, allocated and peak memory and mappings; live memory is shown first."""
    return _heap(query, "heap.pb.gz", "")


def allocs(query: Query) -> Step:
    """``/debug/pprof/allocs``: the same profile, but everything ever allocated is shown first."""
    return _heap(query, "allocs.pb.gz", ALLOC_SPACE.type)


def flamegraph(query: Query) -> Step:
    """Return the heap as an HTML page."""
    with_source = query.flag("source")
    return _in_turn(lambda: page(_taken(), with_source), _TURNS)


def page(profile: Profile, with_source: bool) -> Answer:
    """Return a profile as an HTML page."""
    give_way()
    return Answer(200, HTML, _joined(lambda: formats.FORMATS["html"].write(profile, None, with_source)))


def packed(profile: Profile, file_name: str) -> Answer:
    """Return a profile as a pprof file."""
    give_way()
    return Answer(200, BINARY, _joined(lambda: written(profile)), file_name)


def _joined(pieces: Callable[[], Iterable[bytes]]) -> bytes:
    return with_reserve(lambda: b"".join(pieces()))


def _heap(query: Query, file_name: str, default_type: str) -> Step:
    is_text = query.whole("debug", 0, 0, 9) > 0
    seconds = query.seconds(0.0, _SECONDS_MIN)
    if is_text and seconds:
        raise RefusalError(
            400, "seconds and debug cannot be combined: Go's old text format cannot represent differences"
        )

    def show(profile: Profile) -> Answer:
        if is_text:
            return Answer(200, TEXT, with_reserve(heap_text.written, profile))
        return packed(replace(profile, default_type=default_type or profile.default_type), file_name)

    if seconds:
        _need_profiler()
        return _Difference(seconds, show).begin()
    return _in_turn(lambda: show(_taken()), _TURNS)


def _need_profiler() -> None:
    if environment.is_off():
        raise RefusalError(409, environment.IS_OFF)
    if _engine.stats()["epochs"] == 0:
        raise RefusalError(409, "the heap profiler is not running; POST /start?heap=512, or call memprof.start()")


def _taken() -> Profile:
    _need_profiler()
    profile = memprof.get_snapshot().to_pprof()
    give_way()
    return profile


def _in_turn(work: Callable[[], Answer], turns: int) -> Step:
    """Make snapshots one at a time, to limit the memory that they need. Other requests wait for their turn."""
    try:
        claim = Claim(SNAPSHOT, _TURN_SECONDS)
    except RefusalError:
        if turns == 0:
            raise
        return Later(_TURN_SECONDS, lambda: _in_turn(work, turns - 1))
    try:
        return work()
    finally:
        claim.release()


class _Difference:
    """The change of the heap during a span of time."""

    def __init__(self, seconds: float, show: Callable[[Profile], Answer]) -> None:
        self._seconds = seconds
        self._show = show
        self._claim = Claim(DIFFERENCE, seconds)
        self._first: Profile | None = None

    def begin(self) -> Later:
        """Take the first profile."""
        try:
            self._first = _taken()
        except BaseException:
            self._claim.release()
            raise
        return Later(self._seconds, self._end, self._claim.release)

    def _end(self) -> Answer:
        try:
            assert self._first is not None, "it has begun"
            found = with_reserve(differences.difference, self._first, _taken())
            answer = self._show(found)
        except GaveWayError:  # this is called again
            raise
        except BaseException:
            self._claim.release()
            raise
        self._claim.release()
        return answer

    def __del__(self) -> None:
        with suppress(Exception):  # there may be no claim
            self._claim.release()
