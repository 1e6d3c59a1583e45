"""Use a Frame as a dataclass."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import spprof

Frame = spprof.Frame
frame = Frame("f", "a.py", 1, 0, is_python=True)
assert dataclasses.is_dataclass(frame) and dataclasses.is_dataclass(Frame)
names = ["function", "file", "line", "address", "is_python"]
assert [field.name for field in dataclasses.fields(Frame)] == names
assert dataclasses.asdict(frame)["line"] == 1 and dataclasses.astuple(frame)[0] == "f"
other = dataclasses.replace(frame, line=2)
assert (type(other), other.line, frame.line) == (Frame, 2, 1)
assert frame == copy.copy(frame) == pickle.loads(pickle.dumps(frame)) != other
assert hash(frame) == hash(copy.copy(frame))
assert repr(frame) == "Frame(function='f', file='a.py', line=1, address=0, is_python=True)"
for values, named in ((("f",), {}), (range(6), {}), (("f",), {"function": "g"}), ((), {"x": 1})):
    try:
        Frame(*values, **named)
    except TypeError:
        continue
    raise AssertionError("no TypeError")
for change in (lambda: setattr(frame, "line", 3), lambda: delattr(frame, "line")):
    try:
        change()
    except dataclasses.FrozenInstanceError:
        continue
    raise AssertionError("it is not frozen")
stats = spprof.memprof.get_stats()
assert dataclasses.asdict(stats)["total_samples"] == 0 and stats == spprof.memprof.get_stats()
assert Frame.__match_args__[:2] == ("function", "file")
