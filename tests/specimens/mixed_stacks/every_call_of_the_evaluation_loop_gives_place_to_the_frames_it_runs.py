import ctypes
import sys
import threading

from busy import everything
from met import memprof, stacks

find = ctypes.CDLL(sys.argv[1]).sp_code_ranges_find
ranges = (ctypes.c_size_t * 16)()
count = find(ctypes.pythonapi._PyEval_EvalFrameDefault, ranges, ctypes.c_size_t(8))
assert count >= 1
memprof.start(0)
everything(recurse_endlessly=False)
thread = threading.Thread(target=everything, kwargs={"recurse_endlessly": False})
thread.start()
thread.join()
memprof.stop()
total = left = 0
for python, native, _ in stacks():
    total += 1
    left += any(ranges[2 * i] <= word - 1 < ranges[2 * i + 1] for word in native for i in range(count))
assert total > 500, total
print(left)
