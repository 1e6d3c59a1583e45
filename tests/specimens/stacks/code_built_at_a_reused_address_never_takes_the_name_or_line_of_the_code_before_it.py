import held
from asked_for import BESIDE_A_BYTEARRAY

held.memprof.start(0)
WANTED = 300
keep, addresses, wanted = [], set(), {}
for i in range(50000):
    names, size = {}, 70000 + len(wanted)
    source = "\n" * (i % 50) + "def made_%d():\n  return bytearray(%d)" % (i, size)
    exec(compile(source, "file_%d" % (i % 7), "exec"), names)
    made = names.pop("made_%d" % i)
    block = made()
    if id(made.__code__) in addresses:
        keep.append(block)
        wanted[size] = ("made_%d" % i, "file_%d" % (i % 7), i % 50 + 2)
    if len(wanted) == WANTED:
        break
    addresses.add(id(made.__code__))
    del made, names, block
assert len(wanted) == WANTED, "hardly an address was reused, so this shows nothing"
found = {}
for sample in held.memprof.get_snapshot().samples:
    for leaf in held.python_frames(sample)[:1]:
        found[sample.size - BESIDE_A_BYTEARRAY] = (leaf.function, leaf.file, leaf.line)
wrong = {size: (found[size], want) for size, want in wanted.items() if found[size] != want}
assert not wrong, wrong
