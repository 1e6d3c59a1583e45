from identity import check, memprof

COUNT = 2**14 + 2000
names, keep, wanted = {}, [], {}
source = "\n".join("def made_%d(size): return bytearray(size)" % i for i in range(COUNT))
exec(compile(source, "many.py", "exec"), names)
made = [names["made_%d" % i] for i in range(COUNT)]
memprof.start(1)
for turn in range(2):
    for i, function in enumerate(made):
        block = function(200000 + turn * COUNT + i)
        if i % 97 == 0:
            keep.append(block)
            wanted[200000 + turn * COUNT + i] = ("made_%d" % i, "many.py", i + 1)
        del block
check(wanted)
assert sum(memprof.get_stats().dropped_samples.values()) == 0
