import ctypes
import sys

import spprof.memprof as memprof

libc = ctypes.CDLL(None)
size_t, pointer = ctypes.c_size_t, ctypes.c_void_p


def call(name, *arguments):
    if not hasattr(libc, name):
        return None
    function = getattr(libc, name)
    function.restype = pointer
    return function(*arguments)


def memalign(size):
    block = pointer()
    assert libc.posix_memalign(ctypes.byref(block), size_t(64), size_t(size)) == 0
    return block.value


def held():
    return [s.size for s in memprof.get_snapshot().samples if 1_000_000 < s.size < 1_000_100]


makers = [
    lambda size: call("malloc", size_t(size)),
    lambda size: call("calloc", size_t(1), size_t(size)),
    lambda size: call("realloc", None, size_t(size)),
    lambda size: call("reallocarray", None, size_t(1), size_t(size)),
    lambda size: call("aligned_alloc", size_t(64), size_t(size)),
    lambda size: call("memalign", size_t(64), size_t(size)),
    lambda size: call("valloc", size_t(size)),
    lambda size: call("pvalloc", size_t(size)),
    memalign,
]
memprof.start(0)
for number, make in enumerate(makers):
    size = 1_000_001 + number
    block = make(size)
    assert block and held() == [size], (number, held())
    libc.free(pointer(block))
    assert held() == [], number
size = size_t(1_000_050)
for release, arguments in (("free_sized", [size]), ("free_aligned_sized", [size_t(16), size])):
    if sys.argv[1:] == ["patch"] and not hasattr(libc, release):
        continue  # preloaded, our library exports them even if libc does not
    block = call("malloc", size)
    assert held() == [1_000_050]
    getattr(libc, release)(pointer(block), *arguments)
    assert held() == [], release
