from identity import check, memprof

keep, wanted, made = [], {}, []


def compiled(name, file, before, between):
    source = "\n" * before + "def %s(size):\n" % name + "\n" * between + "  return bytearray(size)"
    names = {}
    exec(compile(source, file, "exec"), names)
    return names[name], (name, file, before + between + 2)


for name in ("one", "other"):
    for file in ("one.py", "other.py"):
        for before in (0, 1):
            for between in (0, 1):
                made.append(compiled(name, file, before, between))
codes = [function.__code__ for function, _ in made]
assert any(a == b for a in codes for b in codes if a is not b)
assert len({id(code) for code in codes}) == 16
memprof.start(1)
size = 70000
for turn in range(20):
    for function, want in made:
        keep.append(function(size))
        wanted[size] = want
        size += 1
check(wanted)
