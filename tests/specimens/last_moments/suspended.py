"""End while a profiler's block is suspended. The arguments say what suspends it and where it is kept."""

import sys
import threading

import spprof
import spprof.memprof

OUTPUT = sys.argv[3] if len(sys.argv) > 3 else None
profile = spprof.profile(output_path=OUTPUT)


class Once:
    def __await__(self):
        yield 1


@profile
def generator():
    yield 1


@profile
async def coroutine():
    await Once()


@profile
async def asynchronous():
    yield 1


def in_profiler():
    with spprof.Profiler(output_path=OUTPUT):
        yield 1


async def in_profiler_of_coroutine():
    with spprof.Profiler(output_path=OUTPUT):
        await Once()


async def in_profiler_of_asynchronous():
    with spprof.Profiler(output_path=OUTPUT):
        yield 1


def in_memory_profiler():
    with spprof.memprof.MemoryProfiler():
        yield 1


async def in_memory_profiler_of_coroutine():
    with spprof.memprof.MemoryProfiler():
        await Once()


def begun(kind):
    made = globals()[kind]()
    if hasattr(made, "asend"):
        try:
            made.asend(None).send(None)
        except StopIteration:
            return made
        raise AssertionError("it was to yield")
    made.send(None)
    return made


def keep_in_daemon(kind):
    ready = threading.Event()

    def work():
        kept = begun(kind)
        ready.set()
        threading.Event().wait()
        del kept

    threading.Thread(target=work, daemon=True).start()
    ready.wait()


kind, where = sys.argv[1:3]
if where == "global":
    kept = begun(kind)
elif where == "cycle":
    cycle = [begun(kind)]
    cycle.append(cycle)
    del cycle
elif where == "module":
    sys.kept = begun(kind)
elif where == "daemon":
    keep_in_daemon(kind)
elif where == "thread":
    threading.Thread(target=lambda: globals().update(kept=begun(kind))).start()
else:
    assert where == "stopped"
    kept = begun(kind)
    (spprof.memprof if "memory" in kind else spprof).stop()
print("ran")
