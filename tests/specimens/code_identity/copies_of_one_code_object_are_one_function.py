from identity import memprof, samples_by_size


def compiled():
    names = {}
    exec(compile("def same(size): return bytearray(size)", "same.py", "exec"), names)
    return names["same"]


copies = [compiled() for _ in range(50)]
assert len({id(copy.__code__) for copy in copies}) == 50
memprof.start(1)
keep = [copy(70000 + i) for i, copy in enumerate(copies)]
found = samples_by_size()
print(len({id(found[70000 + i].stack) for i in range(50)}))
