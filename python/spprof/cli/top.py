"""``spprof top PID``: keeps showing which lines hold the memory of a running process.

watcher (a thread) ── /stats, /debug/pprof/heap ──► Moment ──► View ──► lines ──► curses, or once to stdout
                   ◄─ waits ten times as long as the process took to answer, and at least two seconds
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from spprof.analysis.by_site import Tally, ranked
from spprof.analysis.imports import with_imports_folded
from spprof.analysis.paths import paths_of
from spprof.analysis.site_table import Column, SiteTable, interval, own, told_ways
from spprof.analysis.sites import Site
from spprof.cli import client
from spprof.cli.arguments import add_pid_argument, row_count
from spprof.cli.table import headline, tell_reasons
from spprof.cli.terminal import Terminal
from spprof.pprof.profile import INUSE_SPACE, ProfileError
from spprof.process.other_process import is_there
from spprof.records import NamedTuple
from spprof.text import amount, human_bytes, visible

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from spprof.analysis.by_site import Row
    from spprof.analysis.sites import SiteKey
    from spprof.pprof.profile import Profile

EXAMPLES = (
    ("spprof top 4711", "watches the process; keys: s sorts, f freezes, / filters, q quits"),
    ("spprof top --sort change 4711", "sorts by what has grown or shrunk most since top started"),
    ("spprof top -n 5 4711", "shows five lines; prints one table if the output is not a terminal"),
)

_ROWS = 20
_REST_SECONDS = 2.0
_REST_FACTOR = 10
"""A watched process spends at most one eleventh of its time on answers."""
_KEY_MS = 100
_SORTS = ("own", "change", "site")
_KEYS = "s sort   f freeze   / filter   Esc clear filter   q quit"
_UNIT = "bytes"
_ESCAPE, _ENTER, _BACKSPACE = "\x1b", ("\n", "\r"), ("\x7f", "\b")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_pid_argument(parser)
    parser.add_argument("--sort", choices=_SORTS, default=_SORTS[0], help="initial order (default: own, largest first)")
    parser.add_argument(
        "-n",
        "--rows",
        type=row_count,
        default=None,
        metavar="N",
        help=f"maximum number of rows (default: {_ROWS}, or a screenful)",
    )


def main(arguments: argparse.Namespace) -> int:
    process = client.process(arguments.pid)
    process.need_same_version()
    if sys.stdout.isatty() and sys.stdin is not None and sys.stdin.isatty():
        return _watch(process, View(arguments.sort), arguments.rows)
    _print(moment_of(process), View(arguments.sort), _ROWS if arguments.rows is None else arguments.rows)
    return 0


# ---- The data shown at one time


class Moment(NamedTuple):
    """A process's answers at one point in time."""

    state: dict[str, Any]
    profile: Profile
    clock_ns: int
    """Time of the query, on CLOCK_MONOTONIC."""
    took_seconds: float


def moment_of(process: client.Process) -> Moment:
    """Query the process. ProfileError: it does not answer."""
    before = time.monotonic_ns()
    state = process.state()
    profile = with_imports_folded(process.heap()[0])
    after = time.monotonic_ns()
    return Moment(state, profile, before, (after - before) / 1e9)


def rest_of(moment: Moment) -> float:
    """Return how many seconds to wait before the next query."""
    return max(_REST_SECONDS, _REST_FACTOR * moment.took_seconds)


def cpu_percent(earlier: Moment | None, later: Moment) -> int | None:
    """Return the CPU time used between the two queries, as a percentage of the elapsed time; None without an earlier
    query.
    """
    if earlier is None or later.clock_ns <= earlier.clock_ns:
        return None
    used: int = later.state.get("cpu_ns", 0) - earlier.state.get("cpu_ns", 0)
    return round(100 * used / (later.clock_ns - earlier.clock_ns))


def own_by_site(profile: Profile) -> dict[SiteKey, int]:
    """Return how much each site holds."""
    return {key: site.value for key, site in _tally(profile).own.items()}


def _tally(profile: Profile) -> Tally:
    index = profile.sample_types.index(INUSE_SPACE) if INUSE_SPACE in profile.sample_types else profile.default_index
    return Tally(profile, index)


# ---- How the data is shown


def key_text(key: SiteKey) -> str:
    """Return the text in which a filter searches."""
    return f"{key.function} {key.file}:{key.line}".casefold()


def _change_text(_: object, change: int) -> str:
    return f"{'+' if change > 0 else ''}{amount(change, _UNIT)}" if change else ""


_CHANGE = Column("change", 12, _change_text)
_TABLE = SiteTable((own(_UNIT), interval(_UNIT), _CHANGE))
_NARROW_TABLE = SiteTable((own(_UNIT), _CHANGE))


class View:
    """The user's choices and the resulting text, independent of a terminal so that tests need none."""

    def __init__(self, sort: str = _SORTS[0]) -> None:
        self.sort = sort
        self.filter = ""
        self.is_frozen = False
        self.is_typing = False
        """True while the user is typing the filter."""
        self.fault = ""
        """The reason why there is nothing new."""
        self._first: dict[SiteKey, int] | None = None
        self._shown: Moment | None = None
        self._rows: list[Row] = []
        self._cpu: int | None = None

    def take(self, moment: Moment) -> None:
        """Show new answers, unless the view is frozen. Changes are relative to the first answers."""
        self.fault = ""
        if self.is_frozen:
            return
        self._cpu = cpu_percent(self._shown, moment)
        self._shown = moment
        self._tally = _tally(moment.profile)
        if self._first is None:
            self._first = own_by_site(moment.profile)
        self._rows = ranked(self._tally, "own")

    def press(self, key: str) -> bool:
        """Handle a key. False: quit."""
        if self.is_typing:
            self._type(key)
        elif key == "q":
            return False
        elif key == "s":
            self.sort = _SORTS[(_SORTS.index(self.sort) + 1) % len(_SORTS)]
        elif key in ("f", " "):
            self.is_frozen = not self.is_frozen
        elif key == "/":
            self.is_typing = True
        elif key == _ESCAPE:
            self.filter = ""
        return True

    def _type(self, key: str) -> None:
        if key in _ENTER:
            self.is_typing = False
        elif key == _ESCAPE:
            self.is_typing, self.filter = False, ""
        elif key in _BACKSPACE:
            self.filter = self.filter[:-1]
        elif key.isprintable():
            self.filter += key

    def heading(self) -> list[str]:
        """Return the lines above the table."""
        if self._shown is None:
            return [self.fault or "waiting for the first answer …", "", ""]
        state = self._shown.state
        cpu = "" if self._cpu is None else f"   CPU {self._cpu} %"
        words = [f"sorted by {'size' if self.sort == 'own' else self.sort}"]
        words += ["frozen"] if self.is_frozen else []
        words += [f"filter: {self.filter}{'_' if self.is_typing else ''}"] if self.filter or self.is_typing else []
        return [
            f"{visible(str(state.get('program') or 'process'))} {state.get('pid')}   "
            f"RSS {human_bytes(state.get('rss_bytes') or 0)}{cpu}   {state.get('threads')} threads",
            headline(self._tally),
            self.fault or f"{', '.join(words)}   {_KEYS}",
        ]

    def table(self, terminal: Terminal, count: int) -> list[str]:
        """Return the column headings and up to ``count`` rows, without intervals in a narrow terminal."""
        if self._shown is None:
            return []
        paths = paths_of(self._shown.profile)
        table = _TABLE if terminal.leaves_room(_TABLE.width) else _NARROW_TABLE
        lines = [table.headings]
        for key, site, _ in self._chosen()[:count]:
            text = terminal.fitted_of(told_ways(key, site, paths), table.width)
            lines.append(table.numbers(site, self._change(key, site.value)) + text)
        return lines

    def _change(self, key: SiteKey, value: int) -> int:
        return value - (self._first or {}).get(key, 0)

    def _chosen(self) -> list[Row]:
        wanted = self.filter.casefold()
        rows = [row for row in self._rows if wanted in key_text(row[0])]
        if self.sort == "change":
            rows += [(key, Site(), 0) for key in self._gone() if wanted in key_text(key)]
            rows.sort(key=lambda row: -abs(self._change(row[0], row[1].value)))
        elif self.sort == "site":
            rows.sort(key=lambda row: row[0])
        return rows

    def _gone(self) -> set[SiteKey]:
        """Return the sites that held something before but hold nothing now."""
        return set(self._first or {}).difference(row[0] for row in self._rows)

    def tell_reasons(self, terminal: Terminal) -> None:
        """Print the reasons why there is little or nothing to show, one line per reason."""
        tell_reasons(terminal, self._tally)


def _print(moment: Moment, view: View, rows: int) -> None:
    terminal = Terminal()
    view.take(moment)
    for line in view.heading()[:2]:
        terminal.line(line)
    for line in view.table(terminal, rows):
        terminal.line(line)
    view.tell_reasons(terminal)


# ---- Watching


class _Watcher(threading.Thread):
    """Queries the process repeatedly."""

    def __init__(self, process: client.Process) -> None:
        super().__init__(daemon=True, name="spprof top")
        self._process = process
        self._ends = threading.Event()
        self._latest: Moment | ProfileError | None = None

    def run(self) -> None:
        rest = _REST_SECONDS
        while True:
            try:
                moment = moment_of(self._process)
                self._latest, rest = moment, rest_of(moment)
            except ProfileError as error:
                self._latest = error
            if self._ends.wait(rest):
                return

    def taken(self) -> Moment | ProfileError | None:
        """Return the answers that have arrived since the last call."""
        found, self._latest = self._latest, None
        return found

    def end(self) -> None:
        """Stop querying."""
        self._ends.set()


def _watch(process: client.Process, view: View, rows: int | None) -> int:
    import curses

    watcher, terminal = _Watcher(process), Terminal()
    watcher.start()
    try:
        _show(watcher, view, terminal, curses.initscr(), rows)
    finally:
        watcher.end()
        curses.endwin()
    if view.fault and not is_there(process.pid):
        raise ProfileError(view.fault)
    return 0


def _show(watcher: _Watcher, view: View, terminal: Terminal, screen: Any, rows: int | None) -> None:
    """Show the view until the user quits."""
    import curses

    curses.noecho()
    curses.cbreak()
    screen.keypad(True)
    screen.timeout(_KEY_MS)
    with contextlib.suppress(curses.error):  # some terminals cannot hide the cursor
        curses.curs_set(0)
    is_new = True
    while True:
        found = watcher.taken()
        if isinstance(found, ProfileError):
            view.fault = str(found)
        elif found is not None:
            view.take(found)
        if is_new or found is not None:
            _draw(view, terminal, screen, rows)
        key = _key(screen)
        is_new = key is not None
        if key and not view.press(key):
            return


def _key(screen: Any) -> str | None:
    """Return the key pressed; "" if it has no character or the window was resized; None: no key."""
    import curses

    try:
        key = screen.get_wch()
    except curses.error:
        return None
    return key if isinstance(key, str) else "\x7f" if key == curses.KEY_BACKSPACE else ""


def _draw(view: View, terminal: Terminal, screen: Any, rows: int | None) -> None:
    import curses

    height, width = screen.getmaxyx()
    heading = view.heading()
    count = max(height - len(heading) - 2, 0)
    table = view.table(terminal, count if rows is None else min(rows, count))
    styles = [curses.A_BOLD, 0, curses.A_DIM, *([curses.A_REVERSE] if table else [])]
    screen.erase()
    for number, line in enumerate([*heading, *table][:height]):
        style = styles[number] if number < len(styles) else 0
        with contextlib.suppress(curses.error):  # the window has just shrunk
            screen.addnstr(number, 0, line, width - (number == height - 1), style)
    screen.refresh()
