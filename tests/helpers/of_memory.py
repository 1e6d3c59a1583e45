"""For programs in child processes: read a snapshot."""

from asked_for import BESIDE_A_BYTEARRAY


def sizes(snapshot, least=1_000_000):
    "Sizes of the live blocks of at least so many bytes, smallest first."
    return sorted(sample.size for sample in snapshot.samples if sample.size >= least)


def lengths(snapshot):
    "Lengths of the live bytearrays of about a million bytes or more, smallest first."
    return [size - BESIDE_A_BYTEARRAY for size in sizes(snapshot)]


def site(snapshot, function):
    "The rows of one function, by line."
    return {row["line"]: row for row in snapshot.top_allocators(10_000) if row["function"].endswith(function)}


def python_frames(stack):
    "Leaf first."
    return [frame for frame in stack if frame.is_python]
