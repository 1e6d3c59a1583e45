"""The field numbers of profile.proto, message by message."""

from __future__ import annotations


class ProfileField:
    """Fields of the outermost message."""

    SAMPLE_TYPE, SAMPLE, MAPPING, LOCATION, FUNCTION, STRING = 1, 2, 3, 4, 5, 6
    TIME_NS, DURATION_NS, PERIOD_TYPE, PERIOD, COMMENT, DEFAULT_TYPE = 9, 10, 11, 12, 13, 14


class TypeField:
    """Fields of a ValueType."""

    TYPE, UNIT = 1, 2


class SampleField:
    """Fields of a Sample."""

    LOCATION, VALUE, LABEL = 1, 2, 3
    SERIALS, MOMENTS = 1000, 1001
    """Fields that only spprof writes: profile.proto does not have them, and readers skip fields that they do not know.
    """


class LabelField:
    """Fields of a Label."""

    KEY, TEXT, NUMBER, UNIT = 1, 2, 3, 4


class MappingField:
    """Fields of a Mapping."""

    ID, START, LIMIT, OFFSET, PATH, BUILD_ID = 1, 2, 3, 4, 5, 6
    HAS_FUNCTIONS, HAS_FILENAMES, HAS_LINES, HAS_INLINED = 7, 8, 9, 10


class LocationField:
    """Fields of a Location."""

    ID, MAPPING, ADDRESS, LINE = 1, 2, 3, 4


class LineField:
    """Fields of a Line."""

    FUNCTION, LINE = 1, 2


class FunctionField:
    """Fields of a Function."""

    ID, NAME, SYSTEM_NAME, FILE = 1, 2, 3, 4
