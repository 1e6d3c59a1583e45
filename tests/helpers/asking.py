"""For programs in children: requests to this very process, and what is in their answers."""

import re

from spprof.http import endpoints
from spprof.http.answers import Answer, Later
from spprof.pprof.file import read_bytes

HEAP_ROW = re.compile(r"(-?\d+): *(-?\d+) *\[ *(\d+): *(\d+) *] @([ x0-9a-f]*)")
"""How pprof's profile/legacy_profile.go reads a line of Go's old text."""


def get(path, query=""):
    """The step that the path answers with."""
    return endpoints.answer("GET", path, query)


def post(path, query=""):
    return endpoints.answer("POST", path, query)


def answer_of(step):
    """The answer at the end, without waiting for any time to pass."""
    while isinstance(step, Later):
        step = step.then()
    return step


def refused(step, status, *words):
    """Whether it is refused with that status and one line with the words."""
    text = step.body.decode()
    assert isinstance(step, Answer)
    assert step.status == status, step
    assert step.content_type == "text/plain; charset=utf-8"
    assert text.count("\n") == 1, text
    assert all(word in text for word in words), text
    return True


def profile_in(step):
    """The profile that was answered."""
    answer = answer_of(step)
    assert answer.status == 200, answer
    assert answer.content_type == "application/octet-stream"
    return read_bytes(answer.body)


def sums(profile, function=None):
    """The sums of a profile's columns by their types' names, of all stacks or those with the function."""
    names = [one.type for one in profile.sample_types]
    totals = dict.fromkeys(names, 0)
    for sample in profile.samples:
        frames = [frame.function for index in sample.stack for frame in profile.locations[index].frames]
        if function is None or function in frames:
            for name, value in zip(names, sample.values):
                totals[name] += value
    return totals


def text_sums(text):
    """The header's and the rows' sums of Go's old text: in use (objects, bytes), allocated (both)."""
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
