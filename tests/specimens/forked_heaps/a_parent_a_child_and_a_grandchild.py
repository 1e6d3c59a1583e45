"""Fork a child, which forks another. Each of them frees some inherited memory and allocates its own."""

import os

MIB = 1 << 20


def shared():
    return bytearray(64 * MIB)


def of_parent():
    return bytearray(32 * MIB)


def of_child():
    return bytearray(24 * MIB)


def of_grandchild():
    return bytearray(16 * MIB)


def wait(pid):
    assert os.waitpid(pid, 0)[1] == 0


in_all, in_parent = shared(), of_parent()
child = os.fork()
if child:
    wait(child)
    del in_all
else:
    del in_parent
    in_child = of_child()
    grandchild = os.fork()
    if grandchild:
        wait(grandchild)
    else:
        in_grandchild = of_grandchild()
