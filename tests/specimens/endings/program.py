"""Hold memory, use CPU time and end. The arguments say how and where the program ends.

Places: "main", the main thread; "child", a forked child, whose end is printed; "thread", a thread that is joined.
"every" as third argument waits until --every has written the held memory.
"""

import os
import resource
import signal
import sys
import threading
import time

HELD_BYTES = 1 << 20
HELD_BLOCKS = 40
ROOM_BYTES = 48 << 20


def hold():
    return [bytearray(HELD_BYTES) for _ in range(HELD_BLOCKS)]


def use_time():
    """Run until there is a sample, if samples are being taken."""
    spprof = sys.modules.get("spprof")
    while spprof is not None and spprof.is_active() and spprof.stats().collected_samples == 0:
        sum(range(1000))


def wait_for_file(output):
    """Wait until a file begun after the memory was held exists: see the present file, one in progress, and the next."""
    seen = set()
    while len(seen) < 3:
        for name in os.listdir(os.path.dirname(output)):
            if name == os.path.basename(output):
                seen.add(os.stat(output).st_ino)
        time.sleep(0.01)


def limit(what, value):
    resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


def raises():
    raise ValueError("the end")


def exhausts_memory():
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit(resource.RLIMIT_AS, pages * resource.getpagesize() + ROOM_BYTES)
    kept = []
    while True:
        kept.append("x" * 500 + str(len(kept)))


def recurses():
    recurses()


def fills_disk():
    limit(resource.RLIMIT_FSIZE, 100)


def uses_up_descriptors():
    limit(resource.RLIMIT_NOFILE, 64)
    try:
        while True:
            os.dup(2)
    except OSError:
        pass


def loses_folder():
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir(os.getcwd())


def closes_descriptors():
    for descriptor in (0, 1, 2):
        os.close(descriptor)


def closes_streams():
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def aborts_in_c():
    import ctypes

    ctypes.CDLL(None).abort()


def faults():
    import ctypes

    ctypes.string_at(1)


def executes():
    os.execv(sys.executable, [sys.executable, "-S", "-c", "print('another program'); raise SystemExit(5)"])


def fails_to_execute():
    try:
        os.execvp("there-is-no-such-program", ["it"])
    except OSError as error:
        sys.exit(error.errno)


def ends_in_exit_handler():
    import atexit

    atexit.register(os._exit, 9)


def is_signalled(number):
    os.kill(os.getpid(), number)
    if signal.getsignal(number) is signal.SIG_IGN:
        return
    while True:
        signal.pause()


ENDINGS = {
    "return": lambda: None,
    "exception": raises,
    "sys.exit(None)": lambda: sys.exit(),
    "sys.exit(7)": lambda: sys.exit(7),
    "sys.exit('text')": lambda: sys.exit("the end"),
    "os._exit(0)": lambda: os._exit(0),
    "os._exit(7)": lambda: os._exit(7),
    "os._exit at exit": ends_in_exit_handler,
    "os.abort": os.abort,
    "abort in C": aborts_in_c,
    "fault": faults,
    "MemoryError": exhausts_memory,
    "recursion limit": recurses,
    "full disk": fills_disk,
    "no descriptors": uses_up_descriptors,
    "folder gone": loses_folder,
    "descriptors closed": closes_descriptors,
    "streams closed": closes_streams,
    "execv": executes,
    "execvp fails": fails_to_execute,
}


def ending(name):
    return ENDINGS.get(name) or (lambda: is_signalled(getattr(signal, name)))


def in_child(end):
    child = os.fork()
    if child == 0:
        global kept
        kept = kept, hold()
        use_time()
        if output:
            folder, name = os.path.split(output)
            wait_for_file(os.path.join(folder, name.replace("out.", f"out.{os.getpid()}.")))
        print("child", flush=True)
        end()
        sys.exit(0)
    print(os.waitpid(child, 0)[1], flush=True)


def in_thread(end):
    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    thread.join()


kept = hold()
use_time()
end = ending(sys.argv[1])
output = sys.argv[3] if len(sys.argv) > 3 else ""
if output:
    wait_for_file(output)
print("begins", flush=True)
{"main": lambda end: end(), "child": in_child, "thread": in_thread}[sys.argv[2]](end)
