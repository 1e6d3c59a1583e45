"""Import spprof in children whose interpreters report one wrong offset each. Print which ones refused, and how."""

import ctypes
import json
import os
import sys

WORDS = ctypes.c_uint64.in_dll(ctypes.pythonapi, "_PyRuntime")
TABLE_WORDS = int(sys.argv[1])


def answer_of_child(forge):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        forge()
        try:
            import spprof  # noqa: F401

            said = ""
        except ImportError as error:
            said = str(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return said


def word(index):
    return ctypes.c_uint64.from_address(ctypes.addressof(WORDS) + 8 * index)


def add(index, what):
    def forge():
        word(index).value += what

    return forge


print(json.dumps([answer_of_child(lambda: None)] + [answer_of_child(add(i, 1 << 40)) for i in range(TABLE_WORDS)]))
