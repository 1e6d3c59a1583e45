"""The extension module: a thin C layer between the engine and `spprof.memprof`. Not a public interface."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Optional, TypedDict

VERSION: Final[str]
RATE_MAX_BYTES: Final[int]
STACK_FRAMES_MAX: Final[int]
BYTES_ONE: Final[int]
"""Estimated bytes are integers in units of 1/BYTES_ONE."""
OBJECTS_ONE: Final[int]
"""Estimated objects are integers in units of 1/OBJECTS_ONE."""
SAMPLE_FORMAT: Final[str]
"""struct format of one sample: address, size, time_ns (monotonic), serial, rate, thread_id, stack_id."""
PEAK_FORMAT: Final[str]
FINGERPRINT_FORMAT: Final[str]
RESIDENT_FORMAT: Final[str]
"""struct format of a block's resident size: serial, resident bytes, swapped bytes; 2**64 - 1 if unknown."""
LARGE_BLOCK: Final[int]
"""The minimum size in bytes of blocks whose resident size is determined."""

MAPPING_FORMAT: Final[str]
"""struct format of one mapping: address, size, stack_id, time_ns (monotonic), probability with which it is listed,
thread_id, kind.
"""
MAPPING_UNKNOWN: Final[int]
"""Kinds: grown out of a mapping made before the start; private; of a file; shared and anonymous, or System V."""
MAPPING_ANONYMOUS: Final[int]
MAPPING_FILE: Final[int]
MAPPING_SHARED: Final[int]

class MallocSums(TypedDict):
    heaps: int
    heap_resident: int
    free_bytes: int
    free_resident: int
    returnable: int
    mapped: int
    mapped_resident: int
    is_estimate: bool

class Stats(TypedDict):
    total_samples: int
    live_samples: int
    freed_samples: int
    unique_stacks: int  # stacks with samples; one that left the table and came back counts again
    stacks: int  # stacks in the table now, including the CPU profiler's
    stacks_max: int
    evicted_stacks: int  # stacks that left the table
    folded_samples: int  # samples ever taken at the evicted stacks
    folded_bytes: int  # what those samples stand for, in 1/BYTES_ONE
    unkept_samples: int  # samples counted as <stacks table full> so far
    unkept_live_samples: int  # the live ones among them
    marked_codes: int  # how many times a frame's code found the table full and appears as <code table full>
    live_bytes: int  # in 1/BYTES_ONE
    live_objects: int  # in 1/OBJECTS_ONE
    peak_bytes: int  # in 1/BYTES_ONE
    window_peak_bytes: int  # like peak_bytes, but since reset_peak()
    live_samples_max: int
    thinned_samples: int  # dropped because the live table was full: other samples represent them; counted as freed
    lost_bytes: int  # in 1/BYTES_ONE: weight of the samples that found the live table full even so
    thinned_rate: int  # minimum of the mean bytes between samples since the last thinning; 0: never thinned
    thinnings: int
    longest_rate: int  # maximum of the mean bytes between samples over all starts and changes so far
    budget_ppm: int  # millionths of a core that samples may cost; 0: no budget
    spent_ns: int  # what samples have cost since the first start with a budget
    missed_frees: int
    last_serial: int
    forked_serial: int  # serial at this process's latest fork; 0: none. Its children have the samples up to it, too
    birth: int  # the process in which current samples are taken; see Site
    mapped_bytes: int
    sampling_rate_bytes: int
    epochs: int  # starts so far: 0 = never started
    native_mode: str  # "off" | "preload" | "patch"
    dropped_samples: dict[str, int]
    uncovered_objects: list[str]  # paths of objects whose malloc calls could not all be redirected

class Site(
    tuple[
        int,
        int,
        int,
        int,
        int,
        float,
        float,
        float,
        float,
        int,
        int,
        int,
        float,
        float,
        int,
        int,
        bytes,
        bool,
        bool,
    ]
):
    """One stack: stack_id; for the live samples: count, requested bytes, estimated bytes, estimated objects, variance
    and skewness of the bytes (Σ(1−p)w², Σ(1−p)²w³), variance and skewness of the objects (the same with w = 1/p); for
    all samples ever taken there: count, estimated bytes, estimated objects, variance and skewness of the bytes; the
    label set (0: none), the process in which its samples were taken (0: the first; plus 1 for each fork), its words
    packed as 64-bit integers, whether it is depth-limited, whether it is truncated. Plain tuples at run time.
    """

STACKS_EVICTED: int
"""The id of the stack <stacks no longer kept>, to which the totals of stacks that leave the table are added."""

def start(rate_bytes: int, native: str, seed: Optional[int], budget_ppm: int) -> None:
    """Install the hooks and begin sampling. ``budget_ppm``: millionths of a core that samples may cost; 0: no limit.
    RuntimeError: already active, shut down, or the native mode is unavailable. This and the next two functions raise
    RuntimeError in a subinterpreter with its own GIL.
    """

def stop() -> None:
    """Stop sampling. RuntimeError: not active."""

def shutdown() -> None: ...
def is_main_interpreter() -> bool: ...
def is_privileged() -> bool:
    """Return whether the program has rights that its user lacks: set-uid, set-gid, capabilities."""

def has_main_gil() -> bool:
    """Return whether the calling interpreter is the main one, or shares its GIL."""

def is_own() -> bool:
    """Return whether the calling interpreter made the last start."""

def is_active() -> bool: ...
def is_shut_down() -> bool: ...
def stats() -> Stats: ...
def reset_peak() -> None:
    """Restart the second window of peaks."""

def snapshot(
    after_serial: int, known: bytes, since: int, number: int
) -> tuple[bytes, list[Site], Stats, int, bytes, Optional[bytes], bytes, bytes]:
    """Return live samples with serial > after_serial (packed, SAMPLE_FORMAT each); the sites that have any sample at
    all (the allocated columns count every sample ever taken there); the counters; (wall clock − monotonic clock) in ns;
    for each stack with live blocks at either peak, what was live there (packed, PEAK_FORMAT each: stack id; for the
    process's peak and for the window's: count, requested bytes, estimated bytes and objects, variance and skewness);
    the resident sizes of the live samples of at least LARGE_BLOCK bytes (packed, RESIDENT_FORMAT each; None: unknown);
    a fingerprint of each stack that has any sample (packed, FINGERPRINT_FORMAT each: stack id, hash of everything
    reported about it, number of the snapshot that first had that hash); and the ids of ``known`` that are gone (packed,
    64 bits each).

    ``known``: the fingerprints of an earlier snapshot; ``number``: this one's, higher than that one's. Samples, sites
    and peaks leave out the stacks that have not changed since the snapshot ``since``; -1: none are left out.
    """

MappingStack = tuple[bytes, bool, bool]
"""A stack's words, packed as 64-bit integers, whether it is depth-limited, whether it is truncated."""

def mappings() -> tuple[bytes, dict[int, MappingStack]]:
    """Return the program's own mappings that were made since the start and not unmapped (packed, MAPPING_FORMAT each,
    by address), and the stacks by id.
    """

class MappingStats(TypedDict):
    ranges: int  # mappings listed now
    ranges_max: int
    bytes: int  # their total virtual size, regardless of their probabilities
    made: int  # mappings listed so far
    dropped: int  # mappings that found the table full
    vanished: int  # gone by the time the kernel was asked: just unmapped, or unmapped in a way that no hook sees

def mapping_stats() -> MappingStats: ...

MAPPED_FORMAT: Final[str]
"""struct format of a mapping with the kernel's data on it: address, size, resident and swapped bytes (2**64 - 1:
unknown), stack id (0: none, for a file that the program mapped before the start or unseen), monotonic time in ns,
probability, thread id, kind, index of its path (2**32 - 1: none).
"""

def measured(mappings: bytes) -> tuple[bytes, list[str]]:
    """Return packed mappings with the kernel's data on them (packed, MAPPED_FORMAT each), including mapped files that
    are not among them, and paths.
    """

def thread_name(thread_id: int) -> str:
    """Return the kernel's name of a thread; "" if it has ended, or cannot be read."""

def thread_ids() -> list[int]:
    """Return the kernel's ids of all threads of the process; empty if they cannot be listed."""

def samples_without(samples: bytes, stack_ids: bytes) -> bytes:
    """Return packed samples without those of the given stacks (ids packed as 64-bit integers) of the same snapshot."""

def processes() -> list[tuple[int, int]]:
    """Return the processes in which samples were taken, this one and its ancestors by fork, in the order of ``Site``'s
    process numbers: id, and a random mark that no other process has. Empty before the first start. Only the first 64
    are known.
    """

Words = tuple[int, ...]
"""A stack's frames, leaf first. Bit 63 set: interpreted code, to be looked up with ``code``. Clear: bits 0 to 47 are a
native return address, bits 48 to 62 the generation of its object in ``modules``.
"""

NativePart = tuple[int, bool, int]
"""A stack's native frames: how many there are, whether unwinding ended before the thread's first frame, and the
outermost word, 0 for none.
"""

def stack(stack_id: int) -> tuple[Words, bool, bool]:
    """Return the words, whether the stack was depth-limited at STACK_FRAMES_MAX, and whether its native part is
    truncated. KeyError: there is no such stack, or it has left the table, as a stack may once it has no live sample.
    """

def native_part(words: bytes, truncated: bool) -> NativePart:
    """Return the native part of a stack's packed words (``Site``)."""

def code(word: int) -> tuple[str, str, int]:
    """Return function, file and line of an interpreted frame. KeyError: there is no such word."""

def modules() -> list[tuple[int, int, int, int, str, bytes]]:
    """Return the objects in which a native frame was seen: start, end, base (added to the addresses in its file),
    generation, path and build id. An object whose entry is not filled in yet has start = end = 0.
    """

def interpreter_address() -> int:
    """Return an address in the interpreter's code."""

def symbols(
    path: str, build_id: bytes, addresses: Sequence[int]
) -> tuple[str, bool, bool, list[Optional[tuple[str, int]]]]:
    """Return the functions of a file that cover ascending addresses in it: status ("found", or why not), whether its
    full symbol table was read, whether it has line numbers, and for each address the function's name (the linker's) and
    start, or None. ``build_id`` b"": any build is accepted.
    """

def demangle(name: str) -> Optional[str]:
    """Return a C++ name in readable form. None: it is not a C++ name, or there is no C++ runtime library."""

def lines(path: str, addresses: Sequence[int]) -> list[Optional[tuple[str, int]]]:
    """Return the source file and line for each of the ascending addresses, or None; all are None without libdw.so.1."""

def kept() -> dict[str, Any]: ...
def library_path() -> str: ...

# ---- The CPU profiler

CPU_SAMPLE_FORMAT: str
"""struct format of a sample: monotonic time in ns, weight in ns, thread id, stack number (never 0)."""

class CpuStats(TypedDict):
    epochs: int  # starts so far: 0 = never started
    interval_ns: int
    mode: str  # "cpu" | "wall"
    native: bool
    displaced: bool  # the program has replaced our signal handler with its own
    gave_up: bool  # almost no stack could be read, so sampling stopped
    ticks: str  # "timer" | "thread"
    samples: int
    sampled_ns: int  # the sum of their weights
    start_ns: int  # wall clock, since the epoch
    end_ns: int  # now, while active
    clock_offset_ns: int  # add it to a sample's time to get the wall clock
    process_ns: int  # CPU time of the process since the start, up to the stop
    handler_ns: int  # CPU time that sampling took
    threads: int  # seen so far
    python_threads: int  # thread states created since the start
    dropped: dict[str, int]

def cpu_start(interval_ns: int, mode: str, native: bool) -> str:
    """Start, and return the source of samples: "timer", or "thread" if the kernel refuses timers. RuntimeError: already
    active. OSError: neither is available, or no signal is left. This and ``cpu_stop`` raise RuntimeError in a
    subinterpreter with its own GIL.
    """

def cpu_stop() -> None:
    """Stop. RuntimeError: not active."""

def cpu_is_own() -> bool:
    """Return whether the calling interpreter started this session, or the last one if none is active."""

def cpu_is_active() -> bool: ...
def cpu_stats() -> CpuStats: ...

CpuStack = tuple[int, int, bytes, bool, bool]
"""A stack of a session: its number in samples, its id, its packed words, whether it is depth-limited, whether it is
truncated.
"""

def cpu_profile() -> tuple[
    bytes, list[tuple[int, int, int]], list[tuple[int, str, int, int, bool]], CpuStats, list[CpuStack]
]:
    """Return, for this session or the last one: the samples (packed, CPU_SAMPLE_FORMAT each); the samples for which the
    log had no room (stack number, count, weight in ns); the threads seen (id, the kernel's name, samples, CPU time in
    ns that no sample covers or 0 if the thread has ended, whether it blocks our signal); the counters; the stacks.
    """

def cpu_tick_of(thread_id: int) -> tuple[int, int]:
    """For tests: return the signal's number, and the value that the thread's timer passes with it. KeyError: the thread
    has no timer.
    """

def set_state(program: str, python: str, started_ns: int) -> None:
    """Set what ``stacks_text`` and ``state_text`` say about the program: its name, its Python's version, and when it
    started (wall clock). This and ``prepare_stacks`` raise RuntimeError in a subinterpreter with its own GIL.
    """

def prepare_stacks() -> None:
    """Prepare for ``stacks_text`` while the program is healthy: this may wait for the loader. It may be called again.
    OSError: no signal is left.
    """

def stacks_text() -> bytes:
    """Return what every thread except the calling one is doing now, as text for people. Releases the GIL, and waits at
    most half a second for threads that do not answer.
    """

def resident_bytes() -> int:
    """Return the process's resident bytes (RSS); 0 if unknown."""

def state_text() -> bytes:
    """Return the state of the process and its profilers: the document of ``/stats``, as JSON. Releases the GIL."""

def repeat_signal(number: int) -> None:
    """Make a signal whose handler was set in Python repeat every 20 ms until ``signal_handled`` is called, and take its
    default action after 5 s. This applies until another handler is set. OSError: there is no such signal.
    """

def signal_handled() -> None:
    """Report that the handler has begun, so that the signal which it is handling is no longer repeated."""

def has_default_action(number: int) -> bool:
    """Return whether the signal has its default action: neither Python nor C has set a handler or ignores the signal.
    OSError: there is no such signal.
    """

def call_before(function: Callable[..., Any], callback: Callable[..., object]) -> Optional[Callable[..., Any]]:
    """Return a function that looks and works like ``function``, and calls ``callback`` before it. ``function`` must be
    posix's ``_exit``, ``abort``, ``execv``, ``execve``, ``posix_spawn`` or ``posix_spawnp``, or _posixsubprocess's
    ``fork_exec``; None: it is another function. ``callback`` gets the status for ``_exit``, nothing for ``abort``, and
    the program and the words of its command for the others. Its errors are ignored.
    """

def end_within(seconds: float, status: int, signal: int) -> bool:
    """Make the process end if it still exists after that time: by the signal, or with the status if ``signal`` is 0.
    Only the first call counts. False: there is no thread for it.
    """

def background_start(work: Callable[[], Optional[float]]) -> bool:
    """Make one thread, created in C, call ``work`` at once, and again after as many seconds as it returns. None, or an
    error, ends the thread. Return True also if the thread is already running. False: there is no thread for it. Main
    interpreter only.
    """

def background_wake() -> bool:
    """Make the thread call ``work`` now, or once more if it is running."""

def background_stop(seconds: float) -> bool:
    """Ask the thread to end. Wait without the GIL, at most this long, until the kernel no longer counts the thread.
    False: ``work`` has not returned yet; the thread ends when it does.
    """

def background_is_stopping() -> bool:
    """Return whether the caller is that thread and another thread is waiting for ``work`` to return."""

def server_listen(address: bytes, token: Optional[str]) -> tuple[int, str]:
    """Make one thread, created in C, answer clients: at a Unix socket with that path if ``token`` is None, otherwise at
    a TCP port ("127.0.0.1:0") whose clients must send the token. Return the number of the listening socket and, for a
    port, its address. OSError: it cannot listen. EINVAL: not an address, EADDRINUSE: taken, EMFILE: too many sockets,
    EAGAIN: no thread.
    """

def server_close(number: int) -> bool:
    """Stop listening at that socket. Requests that have begun are finished. False: there is no such socket."""

def server_pause() -> None:
    """End the thread, before a fork. Afterwards it no longer exists for the kernel, either."""

def server_go_on() -> bool:
    """Start the thread again if any socket is listening. False: the thread could not be started."""

def server_take() -> Optional[tuple[int, str, str, str]]:
    """Return a request that only Python can answer: id, method, path, query. None: there is none. The arrival of such a
    request causes a call of the background's work.
    """

def server_is_asked() -> bool:
    """Return whether there is such a request."""

def server_is_wanted(id: int) -> bool:
    """Return whether a client is waiting for the answer. When it stops waiting, the background's work is called."""

def server_answer(id: int, status: int, content_type: str, file_name: str, fields: str, body: bytes) -> bool:
    """Answer the request. If ``file_name`` is "", a browser shows the answer. ``fields``: header lines, each followed
    by CR LF. False: there is not enough memory, or no such request.
    """

def background_signal_take(number: int) -> bool:
    """From now on, make that signal only wake the thread. False: the signal has a handler already, is ignored, or is
    already taken in this process. If this process's parent had taken it, it is taken over. OSError: there is no such
    signal.
    """

def background_signal_give_back(number: int) -> None:
    """Restore the signal's default action. Do nothing if this process has not taken the signal, or if it now has
    another handler.
    """

def background_signal_came(number: int) -> bool:
    """Return whether the signal has arrived since it was taken, or since it was last answered."""

def background_signal_answer(number: int) -> None:
    """Let the next such signal wake the thread again."""

def background_refusal_follow(follows: bool) -> None:
    """Set whether the next failed allocation wakes the thread. This happens once, until the function is called again.
    Only allocations that would have been sampled count.
    """

def background_refusal_came() -> bool:
    """Return whether an allocation has failed since ``background_refusal_follow`` was last called."""

def family_open(mark: int) -> bool:
    """Create the memory that processes share, unless this process already has some. ``mark``: 64 random bits that
    identify it. False: it cannot be mapped.
    """

def family_door() -> tuple[int, int]:
    """Return where other programs find the shared memory that this process has created: a number (on Linux, a
    descriptor; -1: nowhere) and the mark.
    """

def family_join(pid: int, number: int, mark: int) -> bool:
    """Map the shared memory of that process, unless this process has some. False: there is none with that mark."""

def family_is_there() -> bool:
    """Return whether a program that starts now would find the shared memory. Programs may close descriptors that they
    did not open, and the first process may have ended.
    """

def family_hand_over() -> None:
    """Let the program that replaces this one, the first process, find the shared memory."""

def family_add(state: int, value: int, text: bytes) -> int:
    """Add a record of this process, with a state from 1 to 255; return its number, or -1 if there is no room."""

def family_set(number: int, state: int, value: int) -> None:
    """Change a record. Number -1 is ignored."""

def family_records() -> tuple[list[tuple[int, int, int, bytes]], int]:
    """Return (pid, state, value, text) of each record, in order, and the number of records that found no room."""

def malloc_sums(places: list[tuple[int, int, bool]]) -> MallocSums | None:
    """Return how much memory malloc keeps within ``places`` (start, size, whether it is the kernel's heap). None:
    malloc is not glibc's.
    """

def chunk_sizes(addresses: bytes) -> bytes | None:
    """Return, for each address ("Q") of a malloc block, the bytes of its chunk, including header and rounding; 0 if it
    cannot be read. None: malloc is not glibc's.
    """

def malloc_said() -> tuple[str, int, int, int] | None:
    """Return the name of the malloc if it is not glibc's ("jemalloc", "tcmalloc", "mimalloc"; "libmalloc" on macOS),
    and three sizes in bytes: in use, free but in memory, and its own data. The sizes are 0 for mimalloc, which does not
    report them; libmalloc's free bytes include pages that were never touched. None: malloc is glibc's.
    """

def own_extents() -> list[tuple[int, int, int]]:
    """Return start, size and resident bytes of each of the engine's own mappings, ascending; empty if unknown."""

def resident_of(ranges: list[tuple[int, int]]) -> list[int]:
    """Return the resident bytes of each stretch (start, end), ascending; 0 if unknown."""

def list_text(measured: bool) -> bytes | None:
    """Return the kernel's list of mappings, with or without the sums of their pages. None: it cannot be read."""

def trim_malloc() -> None:
    """Make malloc release the whole free pages that it keeps."""

def python_pools(ranges: list[tuple[int, int]], most: int) -> tuple[int, int, int, bytes] | None:
    """Return Python's pools of small blocks within ``ranges``: the number of pools, bytes of the blocks in use,
    resident bytes of the arenas, and for each arena two 64-bit words, its start and end. None: there are no pools.
    """

def frame_chunks() -> bytes:
    """Return where the threads of this interpreter keep the frames of Python calls: for each chunk two 64-bit words,
    its address and its size. Empty before 3.11, where frames are objects.
    """

def take_reserve() -> None:
    """Reserve address space for when memory runs out, unless some is already reserved: at most 48 MiB and at most a
    tenth of the process's limit.
    """

def give_reserve_back() -> bool:
    """Release the reserve for use by the program and the profiler. False: there was none."""
