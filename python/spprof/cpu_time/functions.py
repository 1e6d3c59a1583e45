"""The functions of a CPU profile: the time spent in each function itself, and the time including everything it called.

    stack ─► site: function, file, line ─► function, file, and its most expensive line

A function that occurs twice in a stack counts once.
"""

from __future__ import annotations

from spprof.analysis.by_site import Tally
from spprof.text import percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spprof.pprof.profile import Profile
    from spprof.rows import TopFunction

Function = tuple[str, str]
"""Name and file."""


def top_functions(profile: Profile) -> list[TopFunction]:
    """Return every function. They are sorted by the time spent in the function itself, then by the time beneath it,
    then by name.
    """
    tally = Tally(profile, profile.time_index)
    whole = tally.whole.value
    own = _own(tally)
    lines = _busiest_lines(tally)
    rows: list[TopFunction] = [
        {
            "function": function[0],
            "file": function[1],
            "line": lines[function],
            "own_ns": own.get(function, 0),
            "total_ns": total,
            "own_percent": percent(own.get(function, 0), whole),
            "total_percent": percent(total, whole),
        }
        for function, total in _totals(tally).items()
    ]
    return sorted(rows, key=lambda row: (-row["own_ns"], -row["total_ns"], row["function"], row["file"]))


def _own(tally: Tally) -> dict[Function, int]:
    own: dict[Function, int] = {}
    for key, amount in tally.own.items():
        function = key.function, key.file
        own[function] = own.get(function, 0) + amount.value
    return own


def _totals(tally: Tally) -> dict[Function, int]:
    totals: dict[Function, int] = {}
    functions = [[(key.function, key.file) for key in keys] for keys in tally.keys]
    for stack, amount in tally.stacks.items():
        for function in {function for index in stack for function in functions[index]}:
            totals[function] = totals.get(function, 0) + amount.value
    return totals


def _busiest_lines(tally: Tally) -> dict[Function, int]:
    """Return, for each function, the line that used the most time excluding calls or, if no line used any, the most
    time including calls.
    """
    busiest: dict[Function, tuple[int, int, int]] = {}
    for key, total in tally.total.items():
        used = (tally.own[key].value if key in tally.own else 0, total, -key.line)
        function = key.function, key.file
        busiest[function] = max(busiest.get(function, used), used)
    return {function: -used[2] for function, used in busiest.items()}
