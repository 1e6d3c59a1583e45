"""``spprof ps``: lists this user's listening processes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spprof.cli import client
from spprof.cli.arguments import add_json_argument, print_json
from spprof.cli.terminal import Terminal
from spprof.pprof.profile import ProfileError
from spprof.text import human_bytes, visible

if TYPE_CHECKING:
    import argparse
    from typing import Any

EXAMPLES = (
    ("spprof ps", "lists the listening processes, their sizes, and which profilers they run"),
    ("spprof ps --json", "prints JSON for a script"),
    ("spprof ps --sort rss", "lists the largest process first"),
)

_SECOND_NS = 1_000_000_000
_COLUMNS = (("PID", 8), ("AGE", 10), ("RSS", 11), ("LIVE HEAP", 11), ("PROFILES", 9), ("SPPROF", 8))


def _rss(state: dict[str, Any]) -> int:
    return -int(state.get("rss_bytes") or 0)


def _live(state: dict[str, Any]) -> int:
    return -int((state.get("heap") or {}).get("live_bytes") or 0)


def _started(state: dict[str, Any]) -> int:
    return int(state.get("started_ns") or 0)


_ORDERS = {"pid": lambda state: int(state.get("pid") or 0), "rss": _rss, "heap": _live, "age": _started}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sort",
        choices=tuple(_ORDERS),
        default="pid",
        help="column to sort by, largest or oldest first (default: pid)",
    )
    add_json_argument(parser)


def main(arguments: argparse.Namespace) -> int:
    states, silent = _asked()
    states.sort(key=_ORDERS[arguments.sort])
    if arguments.json:
        print_json({"schema": "spprof-ps-1", "processes": states, "silent": silent})
        return 0
    terminal = Terminal()
    if not states and not silent:
        terminal.paragraph(
            "no process owned by this user is listening; start one with SPPROF=listen or spprof run --listen"
        )
        return 0
    terminal.line("".join(f"{name:>{width}}  " for name, width in _COLUMNS) + "PROGRAM", "bold")
    for state in states:
        terminal.line(row(state, time.time_ns()))
    for pid in silent:
        terminal.line(f"{pid:>8}  does not answer: it may be stopped")
    return 0


def _asked() -> tuple[list[dict[str, Any]], list[int]]:
    """Return the state of each process that answers, and the pids of those that do not. Remove sockets that ended
    processes left behind.
    """
    states: list[dict[str, Any]] = []
    silent: list[int] = []
    for door in client.doors():
        try:
            states.append(client.Process(door).state())
        except client.SilenceError:
            silent.append(door.pid)
        except ProfileError:
            door.tidy()
    return states, silent


_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def age_text(seconds: int) -> str:
    """Format an age in the largest unit of which it contains at least one: "59 s", "3 h", "12 d"."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def row(state: dict[str, Any], now_ns: int) -> str:
    """Format one process as a line. Fields that its version of spprof does not provide are empty."""
    heap, cpu = state.get("heap") or {}, state.get("cpu") or {}
    running = [name for name, one in (("heap", heap), ("cpu", cpu)) if one.get("active")]
    started_ns = state.get("started_ns") or 0
    cells = (
        str(state.get("pid", "")),
        age_text(max(now_ns - started_ns, 0) // _SECOND_NS) if started_ns else "",
        human_bytes(state["rss_bytes"]) if state.get("rss_bytes") else "",
        human_bytes(heap["live_bytes"]) if heap.get("total_samples") else "",
        "+".join(running) or "none",
        visible(str(state.get("spprof", ""))),
    )
    numbers = "".join(f"{cell:>{width}}  " for cell, (_, width) in zip(cells, _COLUMNS))
    return numbers + visible(str(state.get("program", "")))
