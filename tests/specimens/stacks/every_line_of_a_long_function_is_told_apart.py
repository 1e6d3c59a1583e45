import random

import held
from asked_for import BESIDE_A_BYTEARRAY
from held import python_frames

held.memprof.start(0)
chance = random.Random(1)
lines, line_of = ["def long(keep):"], {}
for size in range(70000, 70300):
    lines += [""] * chance.choice([0, 1, 2, 126, 127, 128, 129, 254, 255, 256, 1000])
    if chance.random() < 0.3:
        lines += ["  x = " + " + ".join(["len(keep)"] * chance.choice([5, 60]))]
    if chance.random() < 0.3:
        lines += ["  keep.append(max([", "    bytearray(%d)," % size, "  ],", "    key=len))"]
        line_of[size] = len(lines) - 2
    else:
        lines += ["  keep.append(bytearray(%d))" % size]
        line_of[size] = len(lines)
names, keep = {}, []
exec(compile("\n".join(lines), "long.py", "exec"), names)
names["long"](keep)
samples = held.memprof.get_snapshot().samples
leaves = [(sample.size - BESIDE_A_BYTEARRAY, python_frames(sample)[:1]) for sample in samples]
found = {size: leaf[0].line for size, leaf in leaves if leaf and leaf[0].file == "long.py"}
assert {size: found[size] for size in line_of} == line_of
