"""Encodes a report for the page: deflated bytes.

document:  length, JSON (title, columns, names, …), then the streams, each: length, bytes
numbers:   varints, 7 bits per byte, lowest first; signed ones zigzag (0, -1, 1, -2 as 0, 1, 2, 3)
variance:  32-bit floats, lowest byte first; the same for lean and renewed

streams:   place: function, file, short file, line, package, flags      indexes into the JSON's texts; flags 1 Python,
                                                                        2 library
           node: up, place                                    preorder
           entry: node minus the previous node, thread; if the header has a history also the first point that saw it,
           counted from 1 (0: unknown)
           each side: each column's values (signed); then for each with intervals samples (signed), seen, variance,
           lean, and for a peak that was chosen among others also renewed; last, if the header has age bands, for each
           entry its value in the column "aged" times the number of its band (signed)
"""

from __future__ import annotations

import struct
import zlib

from spprof.analysis import estimate
from spprof.json_text import encoded
from spprof.pprof.wire import Varints, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spprof.report.model import Place, Report, Side

IS_PYTHON, IS_LIBRARY = 1, 2
_LEVEL = 6


def encode(report: Report) -> bytes:
    """Return the document, packed (zlib's format)."""
    packer = zlib.compressobj(_LEVEL)
    return b"".join([*map(packer.compress, _pieces(report)), packer.flush()])


def _pieces(report: Report) -> Iterator[bytes]:
    texts = _Texts()
    streams = [*_place_streams(report.places, texts), *_entry_streams(report)]
    for side in report.sides:
        streams += _side_streams(side)
        if report.age_bands:
            streams.append(_signed(side.ages))
    header = encoded(_header(report, texts))
    for content in (header, *streams):
        yield varint(len(content))
        yield content


def _header(report: Report, texts: _Texts) -> dict[str, object]:
    return {
        "title": report.title,
        "facts": report.facts,
        "columns": report.columns,
        "first": report.first_column,
        "spread": report.spread_columns,
        "threads": report.threads,
        "sides": list(map(_side_header, report.sides)),
        "places": len(report.places),
        "nodes": len(report.ups) + 1,
        "entries": len(report.entry_nodes),
        "memory": report.memory,
        "aged": report.age_column,
        "bands": report.age_bands,
        "history": report.history,
        "dated": report.dated_columns,
        "sources": [(place, first, "\n".join(lines)) for place, first, lines in report.excerpts],
        "texts": list(texts.number),
    }


def _side_header(side: Side) -> dict[str, object]:
    choices = [
        spread.choice and [*estimate.highest_ends(spread.choice.renewals), spread.choice.renewed]
        for spread in side.spreads
    ]
    return {"name": side.name, "unseen": side.unseen_bytes, "lost": side.lost_bytes, "choices": choices}


class _Texts:
    """Numbers texts in order of first use."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.number.setdefault(text, len(self.number))


def _place_streams(places: list[Place], texts: _Texts) -> Iterator[bytes]:
    yield _numbers(texts(place.function) for place in places)
    yield _numbers(texts(place.file) for place in places)
    yield _numbers(texts(place.short_file) for place in places)
    yield _numbers(place.line for place in places)
    yield _numbers(texts(place.package) for place in places)
    yield _numbers(IS_PYTHON * place.is_python + IS_LIBRARY * place.is_library for place in places)


def _entry_streams(report: Report) -> Iterator[bytes]:
    yield _numbers(report.ups)
    yield _numbers(report.node_places)
    nodes = report.entry_nodes
    yield _numbers(node - before for node, before in zip(nodes, [0, *nodes]))
    yield _numbers(report.entry_threads)
    if report.history:
        yield _numbers(report.entry_points)


def _side_streams(side: Side) -> Iterator[bytes]:
    for column in side.values:
        yield _signed(column)
    for spread in side.spreads:
        yield _signed(spread.samples)
        yield _numbers(spread.seen)
        yield _floats(spread.variance)
        yield _floats(spread.lean)
        if spread.choice:
            yield _floats(spread.renewed)


def _numbers(numbers: Iterable[int]) -> bytes:
    written = Varints()
    return b"".join([written[number] for number in numbers])


def _signed(numbers: list[int]) -> bytes:
    return _numbers(number * 2 if number >= 0 else -number * 2 - 1 for number in numbers)


def _floats(numbers: list[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)
