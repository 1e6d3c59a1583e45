"""Encodes a profile as the bytes of ``profile.proto``.

The encoding is deterministic: the same profile gives the same bytes. Locations, mappings and functions are numbered
from 1 in their order; strings are numbered in the order of their use. Anything that repeats (a location's number in a
stack, a set of labels) is encoded once and then only joined, since a profile may have millions of stack entries.

Names with characters that do not fit in a line or cannot be encoded are written with escapes, as in all files that
spprof writes.
"""

from __future__ import annotations

import struct

from spprof.pprof.fields import (
    FunctionField,
    LabelField,
    LineField,
    LocationField,
    MappingField,
    ProfileField,
    SampleField,
    TypeField,
)
from spprof.pprof.wire import Varints, bytes_field, integer_field, varint
from spprof.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from spprof.pprof.profile import Label, Location, Mapping, Moments, Profile, ValueType
    from spprof.results import Frame

_SAMPLE_TAG = varint(ProfileField.SAMPLE << 3 | 2)
_STACK_TAG = varint(SampleField.LOCATION << 3 | 2)
_VALUES_TAG = varint(SampleField.VALUE << 3 | 2)
_SERIALS_TAG = varint(SampleField.SERIALS << 3 | 2)
_two_floats = struct.Struct("<2d").pack
_MOMENTS_TAG = varint(SampleField.MOMENTS << 3 | 2)


def encode(profile: Profile) -> Iterator[bytes]:
    """Yield the uncompressed file in pieces."""
    strings = _Strings()
    functions = _Functions(strings)
    for value_type in profile.sample_types:
        yield bytes_field(ProfileField.SAMPLE_TYPE, _value_type(value_type, strings))
    yield from _samples(profile, strings)
    named = {location.mapping for location in profile.locations}
    for index, mapping in enumerate(profile.mappings):
        yield bytes_field(ProfileField.MAPPING, _mapping(index + 1, mapping, index in named, strings))
    for index, location in enumerate(profile.locations):
        yield bytes_field(ProfileField.LOCATION, _location(index + 1, location, functions))
    yield from functions.messages
    yield _header(profile, strings)
    yield from strings.messages


class _Strings:
    """The string table: the index of each text. "" is 0."""

    def __init__(self) -> None:
        self._index = {"": 0}
        self.messages = [bytes_field(ProfileField.STRING, b"")]

    def __getitem__(self, text: str) -> int:
        index = self._index.get(text)
        if index is None:
            index = self._index[text] = len(self.messages)
            self.messages.append(bytes_field(ProfileField.STRING, visible(text).encode()))
        return index


class _Functions:
    """The function table: the id of each pair of name and file."""

    def __init__(self, strings: _Strings) -> None:
        self._ids: dict[tuple[str, str], int] = {}
        self._strings = strings
        self.messages: list[bytes] = []

    def __getitem__(self, frame: Frame) -> int:
        key = (frame.function, frame.file)
        known = self._ids.get(key)
        if known is None:
            known = self._ids[key] = len(self._ids) + 1
            # The system name is left empty: if it equals the name, go tool pprof mistakes "<module>" for the arguments
            # of a template.
            content = (
                integer_field(FunctionField.ID, known)
                + integer_field(FunctionField.NAME, self._strings[frame.function])
                + integer_field(FunctionField.FILE, self._strings[frame.file])
            )
            self.messages.append(bytes_field(ProfileField.FUNCTION, content))
        return known


def _samples(profile: Profile, strings: _Strings) -> Iterator[bytes]:
    location_ids = [varint(index + 1) for index in range(len(profile.locations))]
    numbers = Varints()
    labels: dict[tuple[Label, ...], bytes] = {}
    known: dict[Label, bytes] = {}

    def told(label: Label) -> bytes:
        content = known[label] = _label(label, strings)
        return content

    stack: tuple[int, ...] | None = None
    stack_bytes = b""
    for sample in profile.samples:
        if sample.stack is not stack:
            stack = sample.stack
            ids = b"".join(map(location_ids.__getitem__, stack))
            stack_bytes = _STACK_TAG + numbers[len(ids)] + ids
        marks = labels.get(sample.labels)
        if marks is None:
            marks = labels[sample.labels] = b"".join([known.get(one) or told(one) for one in sample.labels])
        values = b"".join(map(numbers.__getitem__, sample.values))
        count = numbers[len(values)]
        if sample.serials:
            marks += _serials(sample.serials)
        if sample.moments:
            marks += _moments(sample.moments, numbers)
        length = len(stack_bytes) + len(_VALUES_TAG) + len(count) + len(values) + len(marks)
        yield b"".join((_SAMPLE_TAG, numbers[length], stack_bytes, _VALUES_TAG, count, values, marks))


def _serials(serials: tuple[int, ...]) -> bytes:
    """Encode serial numbers in ascending order, each as its difference from the one before."""
    ordered = sorted(serials)
    steps = b"".join(varint(serial - before) for before, serial in zip([0, *ordered], ordered))
    return _SERIALS_TAG + varint(len(steps)) + steps


def _moments(moments: Moments, numbers: Varints) -> bytes:
    """Encode moments as two varints and two little-endian 64-bit floats."""
    samples, seen, variance, skewness = moments
    content = b"".join((numbers[samples], numbers[seen], _two_floats(variance, skewness)))
    return b"".join((_MOMENTS_TAG, numbers[len(content)], content))


def _label(label: Label, strings: _Strings) -> bytes:
    content = integer_field(LabelField.KEY, strings[label.key])
    if label.text is not None:
        content += integer_field(LabelField.TEXT, strings[label.text])
    else:
        content += integer_field(LabelField.NUMBER, label.number)
        content += integer_field(LabelField.UNIT, strings[label.unit])
    return bytes_field(SampleField.LABEL, content)


def _mapping(number: int, mapping: Mapping, has_functions: bool, strings: _Strings) -> bytes:
    return (
        integer_field(MappingField.ID, number)
        + integer_field(MappingField.START, mapping.start)
        + integer_field(MappingField.LIMIT, mapping.limit)
        + integer_field(MappingField.OFFSET, mapping.offset)
        + integer_field(MappingField.PATH, strings[mapping.path])
        + integer_field(MappingField.BUILD_ID, strings[mapping.build_id])
        + integer_field(MappingField.HAS_FUNCTIONS, has_functions)
    )


def _location(number: int, location: Location, functions: _Functions) -> bytes:
    content = (
        integer_field(LocationField.ID, number)
        + integer_field(LocationField.MAPPING, location.mapping + 1)
        + integer_field(LocationField.ADDRESS, location.address)
    )
    for frame in location.frames:
        line = integer_field(LineField.FUNCTION, functions[frame]) + integer_field(LineField.LINE, frame.line)
        content += bytes_field(LocationField.LINE, line)
    return content


def _value_type(value_type: ValueType, strings: _Strings) -> bytes:
    return integer_field(TypeField.TYPE, strings[value_type.type]) + integer_field(
        TypeField.UNIT, strings[value_type.unit]
    )


def _header(profile: Profile, strings: _Strings) -> bytes:
    content = integer_field(ProfileField.TIME_NS, profile.time_ns)
    content += integer_field(ProfileField.DURATION_NS, profile.duration_ns)
    if profile.period_type != ("", ""):
        content += bytes_field(ProfileField.PERIOD_TYPE, _value_type(profile.period_type, strings))
    content += integer_field(ProfileField.PERIOD, profile.period)
    comments = b"".join(varint(strings[comment]) for comment in profile.comments)
    content += bytes_field(ProfileField.COMMENT, comments) if comments else b""
    return content + integer_field(ProfileField.DEFAULT_TYPE, strings[profile.default_type])
