"""Decodes the bytes of ``profile.proto`` to a profile, written by spprof or by another tool.

    bytes ─► messages by field ─► strings ─► mappings, functions ─► locations ─► samples

Everything that a message refers to must exist. Every count is checked against the limit for a file (ITEMS_MAX), so
memory and time stay in proportion to the file, even if it is hostile. A frame without an address is interpreted code.

A profile may have millions of stack entries but has few locations. A regular expression therefore splits the entries
into their bytes, and each distinct entry is looked up once.
"""

from __future__ import annotations

import math
import os
import re
import struct
from itertools import accumulate

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
from spprof.pprof.profile import Label, Location, Mapping, Moments, Profile, Sample, ValueType
from spprof.pprof.wire import WireError, read_bytes, read_fields, read_varint, signed
from spprof.results import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Fields = dict[int, "int | bytes"]
    Progress = Callable[[float], None]

ITEMS_MAX = 1 << 26
"""The maximum number of stack entries in a file. Samples, locations and other messages count as MESSAGE_ITEMS each."""

MESSAGE_ITEMS = 16

_CUT_NUMBERS = re.compile(rb"[\x80-\xff]*[\x00-\x7f]").findall
_PACKED_STACK, _PACKED_VALUES = SampleField.LOCATION << 3 | 2, SampleField.VALUE << 3 | 2
_LABEL = SampleField.LABEL << 3 | 2
_ONE_COMMENT = ProfileField.COMMENT << 3
_PACKED_FORM = {SampleField.LOCATION << 3: _PACKED_STACK, SampleField.VALUE << 3: _PACKED_VALUES}
"""Repeated integers may also be stored one by one."""

_PROGRESS_STEP = 4096
_BESIDE_HEADER = (ProfileField.SAMPLE, ProfileField.MAPPING, ProfileField.FUNCTION, ProfileField.LOCATION)
_TWO_FLOATS = struct.Struct("<2d")


def decode(data: bytes, progress: Progress | None = None, *, header_only: bool = False) -> Profile:
    """Return the profile in ``data``, uncompressed. ``progress`` is called with the share of the samples that have been
    read. ``header_only``: leave out the samples and everything to which they refer.

    WireError: it is not a profile; the message says what is wrong, without naming the file.
    """
    messages, header = _by_field(data)
    strings = _Strings(messages[ProfileField.STRING])
    types = tuple(_value_type(message, strings) for message in messages[ProfileField.SAMPLE_TYPE])
    if not types:
        raise WireError("it has no sample types")
    if header_only:
        messages.update({field: [] for field in _BESIDE_HEADER})
    mappings, mapping_of = _mappings(messages[ProfileField.MAPPING], strings)
    functions = _functions(messages[ProfileField.FUNCTION], strings)
    locations, location_of = _locations(messages[ProfileField.LOCATION], functions, mapping_of, mappings)
    period_type = header.get(ProfileField.PERIOD_TYPE, b"")
    profile = Profile(
        sample_types=types,
        locations=locations,
        samples=_Samples(location_of, len(types), strings).read(messages[ProfileField.SAMPLE], progress),
        mappings=mappings,
        default_type=strings[_integer(header, ProfileField.DEFAULT_TYPE)],
        period_type=_value_type(_message(period_type), strings),
        period=signed(_integer(header, ProfileField.PERIOD)),
        time_ns=signed(_integer(header, ProfileField.TIME_NS)),
        duration_ns=signed(_integer(header, ProfileField.DURATION_NS)),
        comments=tuple(strings[index] for index in _comments(messages[ProfileField.COMMENT])),
    )
    _check_expansion(profile)
    return profile


def _by_field(data: bytes) -> tuple[dict[int, list[bytes]], Fields]:
    """Return the repeated messages, grouped by field, and the last value of every other field."""
    repeated = (
        ProfileField.SAMPLE_TYPE,
        ProfileField.SAMPLE,
        ProfileField.MAPPING,
        ProfileField.LOCATION,
        ProfileField.FUNCTION,
        ProfileField.STRING,
        ProfileField.COMMENT,
    )
    messages: dict[int, list[bytes]] = {number: [] for number in repeated}
    header: Fields = {}
    at, items = 0, 0
    while at < len(data):
        tag = data[at]
        kept = messages.get(tag >> 3) if tag < 0x80 and tag & 7 == 2 else None
        if kept is not None:
            message, at = read_bytes(data, at + 1)
            kept.append(message)
        elif tag == _ONE_COMMENT:
            _, end = read_varint(data, at + 1)
            messages[ProfileField.COMMENT].append(data[at + 1 : end])
            at = end
        else:
            at = _other_field(data, at, header)
        items += MESSAGE_ITEMS
        if items > ITEMS_MAX:
            raise WireError(f"it has more than {ITEMS_MAX // MESSAGE_ITEMS} entries")
    return messages, header


def _other_field(data: bytes, at: int, header: Fields) -> int:
    """Read the field at ``at`` into ``header`` and return where the next one begins."""
    tag, after = read_varint(data, at)
    if tag & 7 == 2:
        value, end = read_bytes(data, after)
        header[tag >> 3] = value
        return end
    if tag & 7 == 0:
        header[tag >> 3], end = read_varint(data, after)
        return end
    end = after + {1: 8, 5: 4}.get(tag & 7, len(data) - after)
    read_fields(data[at:end])
    return end


def _fields(message: bytes) -> Fields:
    """Return the fields of a message in which no field repeats. If one does, its last value counts."""
    return dict(read_fields(message))


def _integer(fields: Fields, number: int) -> int:
    value = fields.get(number, 0)
    if isinstance(value, int):
        return value
    raise WireError(f"field {number} has bytes where a number is expected")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise WireError("it has a number where a message is expected")


class _Strings:
    """The string table, decoded on first use."""

    def __init__(self, messages: list[bytes]) -> None:
        if not messages or messages[0] != b"":
            raise WireError("its string table does not begin with an empty string")
        self._messages = messages
        self._decoded: dict[int, str] = {}

    def __getitem__(self, index: int) -> str:
        text = self._decoded.get(index)
        if text is None:
            if index >= len(self._messages):
                raise WireError(f"it refers to string {index} of {len(self._messages)}")
            text = self._decoded[index] = self._messages[index].decode("utf-8", "backslashreplace")
        return text


def _value_type(message: bytes, strings: _Strings) -> ValueType:
    fields = _fields(message)
    return ValueType(strings[_integer(fields, TypeField.TYPE)], strings[_integer(fields, TypeField.UNIT)])


def _comments(messages: list[bytes]) -> list[int]:
    """Return the string indices of the comments, which are packed."""
    return [read_varint(number, 0)[0] for message in messages for number in _numbers(message)]


def _new_id(fields: Fields, number: int, known: dict[int, int] | dict[int, tuple[str, str]], what: str) -> int:
    entry = _integer(fields, number)
    if entry == 0:
        raise WireError(f"a {what} has no id")
    if entry in known:
        raise WireError(f"{what} {entry} occurs twice")
    return entry


def _mappings(messages: list[bytes], strings: _Strings) -> tuple[list[Mapping], dict[int, int]]:
    mappings: list[Mapping] = []
    index_of: dict[int, int] = {}
    for message in messages:
        fields = _fields(message)
        index_of[_new_id(fields, MappingField.ID, index_of, "mapping")] = len(mappings)
        mappings.append(
            Mapping(
                start=_integer(fields, MappingField.START),
                limit=_integer(fields, MappingField.LIMIT),
                offset=_integer(fields, MappingField.OFFSET),
                path=strings[_integer(fields, MappingField.PATH)],
                build_id=strings[_integer(fields, MappingField.BUILD_ID)],
            )
        )
    return mappings, index_of


def _functions(messages: list[bytes], strings: _Strings) -> dict[int, tuple[str, str]]:
    """Return each function's name and file, keyed by function id."""
    functions: dict[int, tuple[str, str]] = {}
    for message in messages:
        fields = _fields(message)
        number = _new_id(fields, FunctionField.ID, functions, "function")
        name = strings[_integer(fields, FunctionField.NAME) or _integer(fields, FunctionField.SYSTEM_NAME)]
        functions[number] = (name, strings[_integer(fields, FunctionField.FILE)])
    return functions


def _locations(
    messages: list[bytes], functions: dict[int, tuple[str, str]], mapping_of: dict[int, int], mappings: list[Mapping]
) -> tuple[list[Location], dict[int, int]]:
    locations: list[Location] = []
    index_of: dict[int, int] = {}
    for message in messages:
        lines = []
        fields: Fields = {}
        for number, value in read_fields(message):
            if number == LocationField.LINE:
                lines.append(_fields(_message(value)))
            else:
                fields[number] = value
        index_of[_new_id(fields, LocationField.ID, index_of, "location")] = len(locations)
        mapping = _integer(fields, LocationField.MAPPING)
        if mapping and mapping not in mapping_of:
            raise WireError(f"it refers to mapping {mapping}, which does not exist")
        address = _integer(fields, LocationField.ADDRESS)
        place = mapping_of[mapping] if mapping else -1
        frames = tuple(_frame(line, functions, address) for line in lines)
        locations.append(Location(frames or (_nameless(address, place, mappings),), place, address))
    return locations, index_of


def _frame(line: Fields, functions: dict[int, tuple[str, str]], address: int) -> Frame:
    number = _integer(line, LineField.FUNCTION)
    if number not in functions:
        raise WireError(f"it refers to function {number}, which does not exist")
    name, file = functions[number]
    position = max(signed(_integer(line, LineField.LINE)), 0)
    return Frame(name, file, position, address and address + 1, _is_python(file, address))


def _is_python(file: str, address: int) -> bool:
    """Return whether a frame is Python's. Frames that stand for something other than code ("<native>") have no file."""
    return address == 0 and file != ""


def _nameless(address: int, mapping: int, mappings: list[Mapping]) -> Frame:
    """Return a frame for an address without a name: its offset in its object."""
    if mapping < 0:
        return Frame(f"{address:#x}", "", 0, address + 1, False)
    where = mappings[mapping]
    name = f"{os.path.basename(where.path) or '?'}+{address - where.start + where.offset:#x}"
    return Frame(name, where.path, 0, address + 1, False)


class _Samples:
    """Reads samples. Data that repeats among them is read once and shared."""

    def __init__(self, location_of: dict[int, int], value_count: int, strings: _Strings) -> None:
        self._index_of = _LocationIndex(location_of)
        self._value_count = value_count
        self._strings = strings
        self._stacks: dict[bytes, tuple[int, ...]] = {}
        self._values: dict[bytes, tuple[int, ...]] = {}
        self._labels: dict[bytes, tuple[Label, ...]] = {}
        self._label: dict[bytes, Label] = {}
        self._entries = 0

    def read(self, messages: list[bytes], progress: Progress | None) -> list[Sample]:
        samples = []
        for count, message in enumerate(messages):
            samples.append(self._sample(message))
            if progress and count % _PROGRESS_STEP == 0:
                progress(count / len(messages))
        return samples

    def _sample(self, message: bytes) -> Sample:
        parts: dict[int, list[bytes]] = {_PACKED_STACK: [], _PACKED_VALUES: [], _LABEL: []}
        others: Fields = {}
        at = 0
        while at < len(message):
            tag, start = message[at], at
            if tag in parts:
                part, at = read_bytes(message, at + 1)
                parts[tag].append(part if tag != _LABEL else message[start:at])
            elif tag in _PACKED_FORM:
                _, at = read_varint(message, at + 1)
                parts[_PACKED_FORM[tag]].append(message[start + 1 : at])
            else:
                at = _other_field(message, at, others)
        stack, values, labels = map(b"".join, parts.values())
        return Sample(
            self._stacks.get(stack) or self._stack_slow(stack),
            self._values.get(values) or self._values_slow(values),
            self._labels.get(labels) or self._labels_slow(labels),
            self._serials(others[SampleField.SERIALS]) if SampleField.SERIALS in others else (),
            _moments(_message(others[SampleField.MOMENTS])) if SampleField.MOMENTS in others else None,
        )

    def _serials(self, packed: int | bytes) -> tuple[int, ...]:
        steps = _numbers(_message(packed))
        self._entries += len(steps)
        if self._entries > ITEMS_MAX:
            raise WireError(f"it has more than {ITEMS_MAX} stack entries")
        return tuple(accumulate(read_varint(step, 0)[0] for step in steps))

    def _stack_slow(self, packed: bytes) -> tuple[int, ...]:
        entries = _numbers(packed)
        self._entries += len(entries)
        if self._entries > ITEMS_MAX:
            raise WireError(f"it has more than {ITEMS_MAX} stack entries")
        stack = self._stacks[packed] = tuple(map(self._index_of.__getitem__, entries))
        return stack

    def _values_slow(self, packed: bytes) -> tuple[int, ...]:
        values = tuple([signed(read_varint(number, 0)[0]) for number in _numbers(packed)])
        if len(values) != self._value_count:
            raise WireError(f"a sample has {len(values)} values for {self._value_count} sample types")
        self._values[packed] = values
        return values

    def _labels_slow(self, packed: bytes) -> tuple[Label, ...]:
        messages = [_message(message) for _, message in read_fields(packed)]
        known = self._labels[packed] = tuple([self._label.get(one) or self._label_slow(one) for one in messages])
        return known

    def _label_slow(self, message: bytes) -> Label:
        fields = _fields(message)
        key, text = self._strings[_integer(fields, LabelField.KEY)], _integer(fields, LabelField.TEXT)
        if text:
            label = Label(key, self._strings[text])
        else:
            unit = self._strings[_integer(fields, LabelField.UNIT)]
            label = Label(key, None, signed(_integer(fields, LabelField.NUMBER)), unit)
        self._label[message] = label
        return label


def _moments(packed: bytes) -> Moments:
    samples, at = read_varint(packed, 0)
    seen, at = read_varint(packed, at)
    if len(packed) - at != _TWO_FLOATS.size:
        raise WireError("the moments of a sample have the wrong length")
    moments = Moments(samples, seen, *_TWO_FLOATS.unpack_from(packed, at))
    if not (0 <= moments.variance < math.inf and 0 <= moments.skewness < math.inf):
        raise WireError("the moments of a sample are not valid numbers")
    return moments


def _numbers(packed: bytes) -> list[bytes]:
    """Split packed integers into the bytes of each."""
    if packed and packed[-1] >= 0x80:
        raise WireError("it ends in the middle of a number")
    return _CUT_NUMBERS(packed)


class _LocationIndex(dict[bytes, int]):
    """The index of each location, keyed by the bytes of its id as stored in stacks."""

    def __init__(self, location_of: dict[int, int]) -> None:
        super().__init__()
        self._location_of = location_of

    def __missing__(self, packed: bytes) -> int:
        number, _ = read_varint(packed, 0)
        if number not in self._location_of:
            raise WireError(f"it refers to location {number}, which does not exist")
        index = self[packed] = self._location_of[number]
        return index


def _check_expansion(profile: Profile) -> None:
    """Check the total number of frames. Inlined calls multiply the frames, but the number of frames in all stacks
    together must stay within the limit for a file.
    """
    frames = [len(location.frames) for location in profile.locations]
    if max(frames, default=1) == 1:
        return
    total = 0
    for stack in {id(sample.stack): sample.stack for sample in profile.samples}.values():
        total += sum(map(frames.__getitem__, stack))
        if total > ITEMS_MAX:
            raise WireError(f"its stacks have more than {ITEMS_MAX} frames")
