"""Sample every allocation while holding 100 blocks of 1 MiB. Print how many stacks are truncated; save to argv[1]."""

import sys

import spprof.memprof as memprof

held = []


def hold(number):
    held.append(bytearray(1 << 20))
    return number


def order():
    return sorted(range(100), key=hold)


memprof.start(0)
order()
snapshot = memprof.get_snapshot()
snapshot.save(sys.argv[1])
health = snapshot.frame_pointer_health
print(f"{health.truncation_rate:.2%} of the stacks are truncated")
print(f"the shortest has {health.min_native_depth} native frames")
