"""``spprof tree``: shows the calls that lead to the held memory or the used time, root first, each with its share.

    100.0 %  17.2 MiB  main (app.py:90)
     81.0 %  13.9 MiB  └ load (data.py:12)
     60.2 %  10.4 MiB    └ parse (parse.py:40)

The tree is built without recursion, because stacks from other tools may be deeper than Python's recursion limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof import _engine
from spprof.analysis.by_site import Tally
from spprof.analysis.paths import paths_of
from spprof.analysis.site_table import told_key
from spprof.analysis.sites import SiteKey, rounded
from spprof.cli.arguments import add_report_arguments, chosen_type, print_json
from spprof.cli.inputs import add_file_arguments, add_stack_arguments, read_shown
from spprof.cli.table import headline, tell_notes, tell_reasons
from spprof.cli.terminal import Terminal
from spprof.text import amount, share_text

if TYPE_CHECKING:
    import argparse

EXAMPLES = (
    ("spprof tree heap.pb.gz", "shows the calls from the root down, with what each holds"),
    ("spprof tree --no-native --min-percent 5 heap.pb.gz", "shows only Python frames and only large calls"),
    ("spprof tree --cpu profiles/", "shows where the workers' CPU time goes"),
)

_ROWS = 60
_INDENT_MAX = 40
_BYTES_ONE = _engine.BYTES_ONE


class Node:
    """A call: the total that it and its callees hold, and those callees."""

    __slots__ = ("calls", "fixed", "key")

    def __init__(self, key: SiteKey) -> None:
        self.key = key
        self.fixed = 0
        self.calls: dict[SiteKey, Node] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser)
    add_stack_arguments(parser)
    parser.add_argument(
        "--min-percent",
        type=float,
        default=1.0,
        metavar="P",
        help="leave out calls below P %% of the total (default: 1)",
    )
    add_report_arguments(parser, _ROWS)


def main(arguments: argparse.Namespace) -> int:
    profile = read_shown(arguments)
    tally = Tally(profile, chosen_type(profile, arguments.files[0], arguments))
    root = grown(tally)
    least = abs(root.fixed) * arguments.min_percent / 100.0
    rows, left_out = _rows(root, least, arguments.rows)
    if arguments.json:
        print_json(_document(tally, rows, left_out))
    else:
        _print(tally, root, rows, left_out)
    return 0


def grown(tally: Tally) -> Node:
    """Return the tree of all stacks, under a root that represents the whole."""
    root = Node(SiteKey("", "", 0))
    keys = tally.keys
    for stack, held in tally.stacks.items():
        node = root
        node.fixed += held.fixed
        for index in reversed(stack):
            for key in reversed(keys[index]):
                below = node.calls.get(key)
                if below is None:
                    below = node.calls[key] = Node(key)
                below.fixed += held.fixed
                node = below
    return root


def _rows(root: Node, least: float, count: int) -> tuple[list[tuple[int, Node]], int]:
    """Return the depth and node of each call in printing order, and the number of calls that are large enough but did
    not fit.
    """
    rows: list[tuple[int, Node]] = []
    left_out = 0
    waiting = [(0, node) for node in _smallest_first(root, least)]
    while waiting:
        depth, node = waiting.pop()
        if len(rows) == count:
            left_out += 1
            continue
        rows.append((depth, node))
        waiting += [(depth + 1, below) for below in _smallest_first(node, least)]
    return rows, left_out


def _smallest_first(node: Node, least: float) -> list[Node]:
    kept = [below for below in node.calls.values() if abs(below.fixed) >= least and below.fixed]
    return sorted(kept, key=lambda below: (-abs(below.fixed), below.key), reverse=True)


def _print(tally: Tally, root: Node, rows: list[tuple[int, Node]], left_out: int) -> None:
    terminal, unit, paths = Terminal(), tally.value_type.unit, paths_of(tally.profile)
    terminal.line(headline(tally))
    if not tally.stacks:
        tell_reasons(terminal, tally)
        tell_notes(terminal, tally.profile)
        return
    terminal.line(f"{'share':>7}  {'total':>11}  call", "bold")
    for depth, node in rows:
        indent = "  " * (depth - 1) + "+ " if depth else ""
        if depth > _INDENT_MAX // 2:
            indent = f"{'  ' * (_INDENT_MAX // 2 - 3)}[{depth}] "
        numbers = (
            f"{share_text(node.fixed, root.fixed):>7}  {amount(rounded(node.fixed, _BYTES_ONE), unit):>11}  {indent}"
        )
        terminal.line(numbers + terminal.fitted(told_key(node.key, paths), len(numbers)))
    if left_out:
        terminal.line(f"{left_out} more calls; -n shows more rows, --min-percent leaves out small calls", "faint")
    tell_notes(terminal, tally.profile)


def _document(tally: Tally, rows: list[tuple[int, Node]], left_out: int) -> dict[str, object]:
    ends = tally.whole_interval() or (None, None)
    return {
        "schema": "spprof-tree-1",
        "sample_type": tally.value_type.type,
        "unit": tally.value_type.unit,
        "value": tally.whole.value,
        "low": ends[0],
        "high": ends[1],
        "left_out": left_out,
        "calls": [
            {
                "depth": depth,
                "function": node.key.function,
                "file": node.key.file,
                "line": node.key.line,
                "total": rounded(node.fixed, _BYTES_ONE),
            }
            for depth, node in rows
        ],
    }
