"""Holds 100 blocks of 1 MiB in one function, and uses a second of CPU time in another."""

import time

held = []


def hold():
    for _ in range(100):
        held.append(bytearray(1 << 20))


def spin():
    end = time.process_time() + 1
    number = 0
    while time.process_time() < end:
        number += 1
    return number


hold()
spin()
