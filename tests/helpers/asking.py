"""For programs in child processes: send requests to the program's own process and read the responses."""

import re

from spprof.http import endpoints
from spprof.http.answers import Answer, Later
from spprof.pprof.file import read_bytes

HEAP_ROW = re.compile(r"(-?\d+): *(-?\d+) *\[ *(\d+): *(\d+) *] @([ x0-9a-f]*)")
"""Matches a line of Go's legacy text format as pprof's profile/legacy_profile.go does."""


def get(path, query=""):
    """Return the step that answers this path."""
    return endpoints.answer("GET", path, query)


def post(path, query=""):
    return endpoints.answer("POST", path, query)


def answer_of(step):
    """Run the step to its final response without waiting for time to pass."""
    while isinstance(step, Later):
        step = step.then()
    return step


def refused(step, status, *words):
    """Return True if the step is refused with this status and one line that contains the words."""
    text = step.body.decode()
    assert isinstance(step, Answer)
    assert step.status == status, step
    assert step.content_type == "text/plain; charset=utf-8"
    assert text.count("\n") == 1, text
    assert all(word in text for word in words), text
    return True


def profile_in(step):
    """Return the profile in the response."""
    answer = answer_of(step)
    assert answer.status == 200, answer
    assert answer.content_type == "application/octet-stream"
    return read_bytes(answer.body)


def sums(profile, function=None):
    """Return the sum of each column of a profile by its type's name, over all stacks or those with the function."""
    names = [one.type for one in profile.sample_types]
    totals = dict.fromkeys(names, 0)
    for sample in profile.samples:
        frames = [frame.function for index in sample.stack for frame in profile.locations[index].frames]
        if function is None or function in frames:
            for name, value in zip(names, sample.values):
                totals[name] += value
    return totals


def text_sums(text):
    """Return the sums of Go's legacy text, first from the header and then from the rows: live (objects, bytes), then
    allocated (objects, bytes).
    """
    header, *lines = text.splitlines()
    assert header.startswith("heap profile: ")
    assert header.endswith(" @ heapprofile"), header
    told = [int(number) for number in re.findall(r"\d+", header)[:4]]
    rows = [HEAP_ROW.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert rows
    assert None not in rows
    for row in rows:
        objects, space, allocated_objects, allocated = (int(number) for number in row.groups()[:4])
        assert objects or not space
        assert allocated_objects or not allocated
    return told, [sum(int(row[column]) for row in rows) for column in (1, 2, 3, 4)]
