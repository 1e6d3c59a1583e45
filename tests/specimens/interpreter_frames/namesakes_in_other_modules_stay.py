import ctypes
import sys

import show

library = ctypes.CDLL(sys.argv[1])
sizes = iter([70001, 70002])
keep = []


@ctypes.CFUNCTYPE(None)
def back():
    keep.append(bytearray(next(sizes)))


show.memprof.start(0)
library.user_entry(back)
library.in_thread(back)
show.show(70001, 70002)
