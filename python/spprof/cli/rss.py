"""``spprof rss``: breaks down the resident memory of a file's process, or of a listening process, and says how to
reduce it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spprof.analysis.residency import whose
from spprof.cli import client
from spprof.cli.arguments import add_json_argument, print_json
from spprof.cli.inputs import add_file_arguments, read_sum
from spprof.cli.terminal import Terminal
from spprof.pprof.merge import merged
from spprof.pprof.profile import RESIDENT_SPACE, ProfileError
from spprof.pprof.resident import residency_of
from spprof.results import TEXT_AT, UNEXPLAINED
from spprof.text import human_bytes, visible, whole_number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from spprof.pprof.profile import Profile
    from spprof.pprof.resident import Residency
    from spprof.results import ResidentMemory

EXAMPLES = (
    ("spprof rss heap.pb.gz", "shows what the process had in memory: used, free but kept, mapped, stacks, files"),
    ("spprof rss 4711", "shows what the running process 4711 has in memory now"),
    ("spprof rss --json profiles/", "prints the sum of all workers as JSON"),
)

_BAR_MAX = 100
_SIGNS, _ASCII_SIGNS = "█▓▒░▚▞▙▟▛▜", "#=+-o*%@x&"
_LEAST_SHARE = 0.01
"""Shares of the bar that are smaller than this are added to the rest."""
_REST, _REST_NAME = ".", "the rest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file_arguments(parser, "; a number that is not a file name is the PID of a listening process (see spprof ps)")
    add_json_argument(parser)


def main(arguments: argparse.Namespace) -> int:
    profile = _read(arguments)
    found = residency_of(profile)
    if found is None:
        rss = whole_number(profile.note("rss"))
        if rss is not None:
            raise ProfileError(
                f"{visible(arguments.files[0])}: RSS was {human_bytes(rss)}, but snapshots of a series do not record "
                "its parts; files written by snapshot.save() do"
            )
        raise ProfileError(
            f"{visible(arguments.files[0])}: it does not record what was in memory; spprof's heap profiles on Linux do "
            f"if /proc is readable"
        )
    if arguments.json:
        print_json(_document(found))
    else:
        _print(found, Terminal(), RESIDENT_SPACE in profile.sample_types)
    return 0


def _read(arguments: argparse.Namespace) -> Profile:
    """Read the files, or query the listening processes. If both are given, all arguments are treated as files."""
    pids = [pid for pid in map(client.pid_of, arguments.files) if pid is not None]
    if len(pids) < len(arguments.files):
        return read_sum(arguments)
    processes = [client.process(pid) for pid in pids]
    for process in processes:
        process.need_same_version()
    profiles = [process.heap()[0] for process in processes]
    return profiles[0] if len(profiles) == 1 else merged(profiles, [f"process {pid}" for pid in pids])


def _print(residency: Residency, terminal: Terminal, has_lines: bool) -> None:
    memory = residency.memory
    terminal.paragraph(memory.headline() + whose(residency))
    columns = terminal.columns
    if columns is not None:
        for line in bar(memory, min(columns, _BAR_MAX), _SIGNS if terminal.can_write(_SIGNS) else _ASCII_SIGNS):
            terminal.line(line)
    for row in memory.rows():
        terminal.paragraph(row, TEXT_AT)
    for sentence in memory.sentences():
        terminal.paragraph(sentence)
    if residency.measured > 1:
        terminal.paragraph("RSS counts a shared page once for each process that shares it; PSS counts it once in total")
    if has_lines:
        terminal.paragraph("the lines that hold the used memory: spprof table --view resident")


def bar(memory: ResidentMemory, width: int, signs: str = _SIGNS) -> list[str]:
    """Return a bar of ``width`` characters, with a different character for each part of the memory, and its legend. If
    the parts exceed RSS, they are drawn as shares of their sum.
    """
    sizes = [(part.name, part.bytes) for part in memory.parts] + [(UNEXPLAINED, max(memory.unexplained_bytes, 0))]
    whole = sum(size for _, size in sizes)
    shown = [(name, size) for name, size in sizes if size >= _LEAST_SHARE * whole > 0][: len(signs)]
    rest = whole - sum(size for _, size in shown)
    stretches = list(zip(signs, shown)) + ([(_REST, (_REST_NAME, rest))] if rest else [])
    if not stretches:
        return []
    cells = _cells([size for _, (_, size) in stretches], width)
    legend = [f"{sign} {name}" for sign, (name, _) in stretches]
    return ["".join(sign * count for (sign, _), count in zip(stretches, cells)), *_wrapped(legend, width)]


def _cells(sizes: Sequence[int], width: int) -> list[int]:
    """Return the number of characters, out of ``width``, for each size. The ends are rounded rather than the sizes, so
    the sum is exact.
    """
    whole = sum(sizes)
    ends = [0]
    for size in sizes:
        ends.append(ends[-1] + size)
    places = [(2 * end * width + whole) // (2 * whole) for end in ends]
    return [end - start for start, end in zip(places, places[1:])]


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 2 + len(word) > width:
            lines.append("")
        lines[-1] += f"  {word}" if lines[-1] else word
    return lines


def _document(residency: Residency) -> dict[str, object]:
    memory = residency.memory
    return {
        "schema": "spprof-rss-1",
        "measured": residency.measured,
        "missing": residency.missing,
        **memory.document(),
    }
