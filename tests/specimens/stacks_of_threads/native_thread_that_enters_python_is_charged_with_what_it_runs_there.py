import ctypes

import held

library = ctypes.CDLL(None)
library.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
keep = []


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def native_main(argument):
    work()  # in a native thread


def work():
    keep.append(bytearray(70001))


held.memprof.start(0)
thread = ctypes.c_ulong()
assert library.pthread_create(ctypes.byref(thread), None, native_main, None) == 0
assert library.pthread_join(thread, None) == 0
held.tell(70001)
