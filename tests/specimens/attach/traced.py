"""Trace and profile this program: no reported function is ours, whatever attaches."""

import select
import sys

seen = set()


def note(frame, event, argument):
    seen.add(frame.f_code.co_filename)
    return note


def work():
    return 1


print("begun", flush=True)
sys.settrace(note)
sys.setprofile(note)
while not select.select([0], [], [], 0)[0]:
    work()
assert sys.gettrace() is note
assert sys.getprofile() is note
sys.settrace(None)
sys.setprofile(None)
assert seen <= {__file__, "<string>"}, seen  # the script's own two frames, until it has checked for tracers
assert sys.modules["spprof"].memprof.is_active()
print("ended", flush=True)
