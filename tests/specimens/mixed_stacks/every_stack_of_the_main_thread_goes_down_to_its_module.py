from busy import everything
from met import memprof, stacks

memprof.start(0)
everything()
memprof.stop()
roots, total, marked = set(), 0, 0
for python, native, missing in stacks():
    total += 1
    marked += missing
    if not missing:
        roots.add(python[-1][:2] if python else None)
assert total > 500, total
assert marked < total / 10, marked
print(sorted(roots))
