"""Reads a report file according to the format that encode.py describes, without the package's code, as a reference for
tests.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class Elements(HTMLParser):
    """The elements of a page as a browser sees them: [(name, attributes, the element's own text), …]."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(len(self.found))
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self.found[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, attributes, text = self.found[self._open[-1]]
            self.found[self._open[-1]] = (tag, attributes, text + data)

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


@dataclass
class Read:
    """The contents of a report."""

    header: dict[str, Any]
    places: list[tuple[str, str, int, str, int]]
    """Function, file, line, package, flags."""
    short_files: list[str]
    paths: list[tuple[int, ...]]
    """The path of each node, as indexes into ``places``, root first."""
    entries: list[tuple[int, int]]
    """Node and thread."""
    values: list[list[list[int]]]
    """Values, by side and column, entry by entry."""
    spreads: list[list[list[tuple[int, int, float, float]]]]
    """By side and column, entry by entry, for columns with intervals: samples, seen, variance, lean."""
    ages: list[list[int]]
    """By side, entry by entry, if there are age bands: the values multiplied by the band's number."""
    points: list[int]
    """Entry by entry, if there is a history: the point, counted from 1, at which the entry was first seen."""

    def by_stack(self, side: int = 0) -> dict[tuple[tuple[tuple[str, int], ...], str], tuple[int, ...]]:
        """Return the values, keyed by (functions and lines from the root on, thread)."""
        found = {}
        for at, (node, thread) in enumerate(self.entries):
            stack = tuple((self.places[place][0], self.places[place][2]) for place in self.paths[node])
            key = stack, self.header["threads"][thread]
            assert key not in found, "a stack and thread stand there twice"
            found[key] = tuple(column[at] for column in self.values[side])
        return found


def read_page(path: Path) -> Read:
    """Return the report in a file."""
    elements = Elements(path.read_bytes().decode("utf-8"))
    (data,) = [text for attributes, text in elements.named("script") if attributes.get("id") == "data"]
    return read(zlib.decompress(base64.b64decode(data, validate=True)))


def read(document: bytes) -> Read:
    """Return the report in an unpacked document."""
    streams = list(cut(document))
    header = json.loads(streams.pop(0))
    columns = [numbers(streams.pop(0)) for _ in range(6)]
    texts = header["texts"]
    places = [(texts[row[0]], texts[row[1]], row[3], texts[row[4]], row[5]) for row in zip(*columns)]
    short_files = [texts[number] for number in columns[2]]
    ups, node_places, steps, threads = (numbers(streams.pop(0)) for _ in range(4))
    points = numbers(streams.pop(0)) if header["history"] else []
    values, spreads, ages = [], [], []
    for side in header["sides"]:
        values.append([[zigzag(number) for number in numbers(streams.pop(0))] for _ in header["columns"]])
        spreads.append([])
        for choice in side["choices"]:
            samples, seen = map(zigzag, numbers(streams.pop(0))), numbers(streams.pop(0))
            variance, lean = floats(streams.pop(0)), floats(streams.pop(0))
            spreads[-1].append(list(zip(samples, seen, variance, lean)))
            if choice:
                floats(streams.pop(0))
        if header["bands"]:
            ages.append([zigzag(number) for number in numbers(streams.pop(0))])
    assert streams == []
    nodes = [sum(steps[: at + 1]) for at in range(len(steps))]
    paths = paths_of(ups, node_places)
    return Read(header, places, short_files, paths, list(zip(nodes, threads)), values, spreads, ages, points)


def cut(document: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(document):
        length = shift = 0
        while True:
            byte = document[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        yield document[at : at + length]
        at += length


def numbers(stream: bytes) -> list[int]:
    found, number, shift = [], 0, 0
    for byte in stream:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(number)
            number = shift = 0
    return found


def zigzag(number: int) -> int:
    return -(number + 1) // 2 if number % 2 else number // 2


def floats(stream: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<f", stream)]


def paths_of(ups: list[int], places: list[int]) -> list[tuple[int, ...]]:
    paths: list[tuple[int, ...]] = [()]
    for up, place in zip(ups, places):
        before = paths[-1]
        paths.append((*before[: len(before) - up], place))
    return paths
