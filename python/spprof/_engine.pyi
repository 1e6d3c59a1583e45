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
"""struct format of how much of a block is in memory: serial, resident bytes, swapped bytes; 2**64 - 1 where that one
cannot be told."""
LARGE_BLOCK: Final[int]
"""Bytes of the blocks of which that is asked, at least."""

MAPPING_FORMAT: Final[str]
"""One mapping: address, size, stack_id, time_ns (monotonic), probability with which it is listed, thread_id, kind."""
MAPPING_UNKNOWN: Final[int]
"""Kinds: grew out of one from before the start; private; of a file; shared and anonymous, or of System V."""
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
    unique_stacks: int  # with samples; one that left the table and came back counts again
    stacks: int  # in the table now, those of the CPU profiler too
    stacks_max: int
    evicted_stacks: int  # left the table
    folded_samples: int  # samples ever taken at the evicted ones
    folded_bytes: int  # what those stand for, in 1/BYTES_ONE
    unkept_samples: int  # counted as <stacks table full>, ever
    unkept_live_samples: int  # and live
    marked_codes: int  # how often a frame's code found no room and shows as <code table full>
    live_bytes: int  # in 1/BYTES_ONE
    live_objects: int  # in 1/OBJECTS_ONE
    peak_bytes: int  # in 1/BYTES_ONE
    window_peak_bytes: int  # the same since reset_peak()
    live_samples_max: int
    thinned_samples: int  # given up where the live table was full: others stand for them; among the freed
    lost_bytes: int  # in 1/BYTES_ONE: what samples stood for that found no room in the live table all the same
    thinned_rate: int  # the least mean bytes between samples since the last thinning; 0: never thinned
    thinnings: int
    longest_rate: int  # the longest mean bytes between samples of all plans so far
    budget_ppm: int  # millionths of a core that samples may cost; 0: no budget
    spent_ns: int  # what samples have cost since the first start with a budget
    missed_frees: int
    last_serial: int
    forked_serial: int  # the last one when this process last forked: children have those samples too; 0: never
    birth: int  # in which process what it samples now is born; as Site has it
    mapped_bytes: int
    sampling_rate_bytes: int
    epochs: int  # starts so far: 0 = never started
    native_mode: str  # "off" | "preload" | "patch"
    dropped_samples: dict[str, int]
    uncovered_objects: list[str]  # paths of objects whose calls of malloc could not all be led to us

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
    """One stack: stack_id; of the live samples: count, bytes asked for, estimated bytes, estimated objects, variance
    and skewness of the bytes (Σ(1−p)w², Σ(1−p)²w³), variance and skewness of the objects (the same with w = 1/p); of
    all samples ever taken there: count, estimated bytes, estimated objects, variance and skewness of the bytes; the
    label set (0: none), in which process its samples were born (0 the first, one more for each fork), its words packed
    as 64-bit integers, whether it is depth-limited, whether it is truncated. Plain tuples at run time."""

STACKS_EVICTED: int
"""The id of the stack <stacks no longer kept>, to which the totals of stacks that leave the table are added."""

def start(rate_bytes: int, native: str, seed: Optional[int], budget_ppm: int) -> None:
    """Install the hooks and begin sampling. RuntimeError: already active, shut down, native mode unavailable; this and
    the next two: in a subinterpreter with its own GIL. ``budget_ppm``: millionths of a core that samples may cost, 0
    for whatever they do."""

def stop() -> None:
    """RuntimeError when not active."""

def shutdown() -> None: ...
def is_main_interpreter() -> bool: ...
def is_privileged() -> bool:
    """Whether the program has rights that its user has not: set-uid, set-gid, capabilities."""

def has_main_gil() -> bool:
    """Whether the calling interpreter is the main one, or shares its GIL."""

def is_own() -> bool:
    """Whether the last start was the calling interpreter's."""

def is_active() -> bool: ...
def is_shut_down() -> bool: ...
def stats() -> Stats: ...
def reset_peak() -> None:
    """The second window of peaks begins anew."""

def snapshot(
    after_serial: int, known: bytes, since: int, number: int
) -> tuple[bytes, list[Site], Stats, int, bytes, Optional[bytes], bytes, bytes]:
    """Live samples with serial > after_serial (packed, SAMPLE_FORMAT each), the sites that have any sample at all (the
    allocated columns count every sample ever taken there), the counters, (wall clock − monotonic clock) in ns, and what
    was live at the peaks (packed, PEAK_FORMAT each: stack id; for the process's peak and for the window's count, bytes
    asked for, estimated bytes and objects, variance and skewness), stacks with a part of either, and of the live
    samples of at least LARGE_BLOCK bytes how much is in memory (packed, RESIDENT_FORMAT each; None: it cannot be
    told). Then a fingerprint of each stack that has any sample (packed, FINGERPRINT_FORMAT each: stack id, hash of all
    that is told of it, number of the snapshot that first had that hash), and the ids of ``known`` that are gone
    (packed, 64 bits each).

    ``known``: the fingerprints of an earlier snapshot; ``number``: this one's, higher than that one's. Samples, sites
    and peaks leave out the stacks that have not changed after the snapshot ``since``; -1: none."""

MappingStack = tuple[bytes, bool, bool]
"""A stack's words, packed as 64-bit integers, whether it is depth-limited, whether it is truncated."""

def mappings() -> tuple[bytes, dict[int, MappingStack]]:
    """What the program itself has mapped since the start and not unmapped (packed, MAPPING_FORMAT each, in the order of
    addresses), and the stacks by id."""

class MappingStats(TypedDict):
    ranges: int  # listed now
    ranges_max: int
    bytes: int  # of them, virtual, without regard to their probability
    made: int  # ever listed
    dropped: int  # found no room
    vanished: int  # gone when a copy asked the kernel: unmapped by a way that no hook sees, or just then

def mapping_stats() -> MappingStats: ...

MAPPED_FORMAT: Final[str]
"""A mapping with what the kernel tells of it: address, size, resident and swapped bytes (2**64 - 1: not known), stack
id (0: none, of a file that the program has mapped before the start or unseen), monotonic time in ns, probability,
thread id, kind, index of its path (2**32 - 1: none)."""

def measured(mappings: bytes) -> tuple[bytes, list[str]]:
    """Packed mappings with what the kernel tells of them (packed, MAPPED_FORMAT each), files that are none of those
    among them, and paths."""

def thread_name(thread_id: int) -> str:
    """The kernel's; "" where it has ended, or cannot be asked."""

def samples_without(samples: bytes, stack_ids: bytes) -> bytes:
    """Packed samples without those of these stacks of the same snapshot, packed as 64-bit integers."""

def processes() -> list[tuple[int, int]]:
    """The processes in which samples were born, this one and those that forked it, in the order of ``Site``'s births:
    id, and a random mark that no other process has. Empty before the first start; the first 64 are known."""

Words = tuple[int, ...]
"""A stack's frames, leaf first. Bit 63 set: of interpreted code, to be asked of ``code``. Clear: bits 0 to 47 are a
native return address, bits 48 to 62 the generation of its object in ``modules``."""

NativePart = tuple[int, bool, int]
"""Of a stack's native frames: how many there are, whether unwinding ended before the thread's first frame, and the
outermost word, 0 for none."""

def stack(stack_id: int) -> tuple[Words, bool, bool]:
    """The words, whether the stack was depth-limited at STACK_FRAMES_MAX, whether its native part is truncated.
    KeyError: no such stack, or not any more: it may leave the table once no sample is live there."""

def native_part(words: bytes, truncated: bool) -> NativePart:
    """Of a stack's packed words (``Site``)."""

def code(word: int) -> tuple[str, str, int]:
    """Function, file and line of an interpreted frame. KeyError: no such word."""

def modules() -> list[tuple[int, int, int, int, str, bytes]]:
    """Objects in which a native frame was seen: start, end, base (added to the addresses in its file), generation, path
    and build id. An object that is not filled in yet has start = end = 0."""

def interpreter_address() -> int:
    """An address in the interpreter's code."""

def symbols(
    path: str, build_id: bytes, addresses: Sequence[int]
) -> tuple[str, bool, bool, list[Optional[tuple[str, int]]]]:
    """The functions of a file that cover ascending addresses in it: status ("found", or why not), whether its full
    symbol table was asked, whether it has line numbers, and for each address the function's name (as the linker has it)
    and start, or None. ``build_id`` b"": any build will do."""

def demangle(name: str) -> Optional[str]:
    """A C++ name in readable form. None: it is none, or there is no C++ runtime library."""

def lines(path: str, addresses: Sequence[int]) -> list[Optional[tuple[str, int]]]:
    """For each of the ascending addresses the source file and line, or None; all None without libdw.so.1."""

def kept() -> dict[str, Any]: ...
def library_path() -> str: ...

# ---- The CPU profiler

CPU_SAMPLE_FORMAT: str
"""A sample: monotonic time in ns, weight in ns, thread id, stack number (never 0)."""

class CpuStats(TypedDict):
    epochs: int  # starts so far: 0 = never started
    interval_ns: int
    mode: str  # "cpu" | "wall"
    native: bool
    displaced: bool  # the program has put a handler of its own in the place of ours
    gave_up: bool  # hardly a stack could be read, and none is taken any more
    ticks: str  # "timer" | "thread"
    samples: int
    sampled_ns: int  # the sum of their weights
    start_ns: int  # wall clock, since the epoch
    end_ns: int  # now, while active
    clock_offset_ns: int  # add it to a sample's time to get the wall clock
    process_ns: int  # CPU time of the process since the start, up to the stop
    handler_ns: int  # CPU time that sampling took
    threads: int  # met so far
    python_threads: int  # thread states made since the start
    dropped: dict[str, int]

def cpu_start(interval_ns: int, mode: str, native: bool) -> str:
    """What gives the ticks: "timer", or "thread" where the kernel refuses timers. RuntimeError: already active.
    OSError: there is neither, or no signal is left. RuntimeError, as of ``cpu_stop``: in a subinterpreter with its own
    GIL."""

def cpu_stop() -> None:
    """RuntimeError: not active."""

def cpu_is_own() -> bool:
    """Whether the calling interpreter began this session, or the last."""

def cpu_is_active() -> bool: ...
def cpu_stats() -> CpuStats: ...

CpuStack = tuple[int, int, bytes, bool, bool]
"""A stack of a session: the number that samples have of it, its id, its packed words, whether it is depth-limited,
whether it is truncated."""

def cpu_profile() -> tuple[
    bytes, list[tuple[int, int, int]], list[tuple[int, str, int, int, bool]], CpuStats, list[CpuStack]
]:
    """Of this session, or the last: the samples (packed, CPU_SAMPLE_FORMAT each); those for which the log had no room,
    (stack number, count, weight in ns); the threads met, (id, the kernel's name, samples, ns of its clock that no
    sample covers or 0 if it has ended, whether it blocks our signal); the counters; the stacks."""

def cpu_tick_of(thread_id: int) -> tuple[int, int]:
    """The signal's number, and what the thread's timer hands to it: for tests. KeyError: the thread has no timer."""

def set_state(program: str, python: str, started_ns: int) -> None:
    """What ``stacks_text`` and ``state_text`` say of the program: its name, its Python's version, and when it began
    (wall clock). RuntimeError, as of ``prepare_stacks``: in a subinterpreter with its own GIL."""

def prepare_stacks() -> None:
    """Before ``stacks_text``, while the program is well: this waits for the loader. Again does no harm. OSError: no
    signal is left."""

def stacks_text() -> bytes:
    """What every thread but the calling one does now, for a person. Releases the GIL, and takes half a second at most
    for threads that do not answer."""

def state_text() -> bytes:
    """How the process and its profilers are: the document of ``/stats``, in JSON. Releases the GIL."""

def repeat_signal(number: int) -> None:
    """Has a signal whose handler was set in Python come again every 20 ms until ``signal_handled`` is called, and after
    5 s take its default action instead; until another handler is set. OSError: no such signal."""

def signal_handled() -> None:
    """The handler has begun: no more of the signal that it was called for."""

def has_default_action(number: int) -> bool:
    """Whether neither Python nor C has set a handler, or ignores the signal. OSError: no such signal."""

def call_before(function: Callable[..., Any], callback: Callable[..., object]) -> Optional[Callable[..., Any]]:
    """What looks and works like ``function``, which is posix's ``_exit``, ``abort``, ``execv``, ``execve``,
    ``posix_spawn`` or ``posix_spawnp``, or _posixsubprocess's ``fork_exec``, and calls ``callback`` before it: with the
    status of ``_exit``, with nothing of ``abort``, with the program and the words of its command of the others. Errors
    of it are forgotten. None: it is another."""

def end_within(seconds: float, status: int, signal: int) -> bool:
    """Has the process end by the signal, or with the status if ``signal`` is 0, if it is still there after that time;
    the first call counts. False: there is no thread for it."""

def background_start(work: Callable[[], Optional[float]]) -> bool:
    """Has one thread, made in C, call ``work`` at once, and again after as many seconds as it returns; None, or an
    error, ends the thread. True also if it runs already; False: there is no thread for it. Main interpreter only."""

def background_wake() -> bool:
    """Has ``work`` called now, or once more if it is at work."""

def background_stop(seconds: float) -> bool:
    """Asks the thread to end, and waits so long at the most, without the GIL, until the kernel no longer counts it.
    False: ``work`` has not returned yet; the thread ends when it does."""

def background_is_stopping() -> bool:
    """Whether this is that thread, and somebody waits for ``work`` to return."""

def server_listen(address: bytes, token: Optional[str]) -> tuple[int, str]:
    """Has one thread, made in C, answer whoever connects: at a Unix socket of that path if ``token`` is None, else at a
    TCP port ("127.0.0.1:0"), of which clients must tell the token. The place's number, and for a port its address.
    OSError: it cannot; EINVAL is no such address, EADDRINUSE one that is taken, EMFILE too many places, EAGAIN no
    thread."""

def server_close(number: int) -> bool:
    """Listens there no more. What was begun there is finished. False: no such place."""

def server_pause() -> None:
    """Ends the thread, before a fork. It is gone for the kernel, too."""

def server_go_on() -> bool:
    """Begins it again, if there is a place. False: there is no thread."""

def server_take() -> Optional[tuple[int, str, str, str]]:
    """A question that only Python can answer: id, method, path, query. None: there is none. When there is one, the
    background's work is called."""

def server_is_asked() -> bool:
    """Whether there is one."""

def server_is_wanted(id: int) -> bool:
    """Whether somebody waits for the answer. When that ends, the background's work is called."""

def server_answer(id: int, status: int, content_type: str, file_name: str, fields: str, body: bytes) -> bool:
    """Answers it; ``file_name`` "": a browser shows it. ``fields``: lines of the header, each with CR LF behind it.
    False: there is no memory, or no such question."""

def background_signal_take(number: int) -> bool:
    """Has that signal wake the thread, and do nothing else, from now on. False: it has a handler already, is ignored,
    or is taken in this process; one that was taken in the process that forked this one is taken over. OSError."""

def background_signal_give_back(number: int) -> None:
    """Its default action again, unless this process has not taken it, or it has another handler since."""

def background_signal_came(number: int) -> bool:
    """Whether it has come since it was taken, or since it was answered."""

def background_signal_answer(number: int) -> None:
    """The next one wakes the thread again."""

def background_refusal_follow(follows: bool) -> None:
    """Whether the next allocation that fails wakes the thread: once, until this is called again. Those that would have
    been samples do."""

def background_refusal_came() -> bool:
    """Whether one failed since."""

def family_open(mark: int) -> bool:
    """Makes the memory that processes share, unless this one has some. ``mark``: 64 bits drawn at random, by which it
    is known. False: it cannot be mapped."""

def family_door() -> tuple[int, int]:
    """Where other programs find the memory that this process has made: a descriptor, -1 for none, and the mark."""

def family_join(pid: int, descriptor: int, mark: int) -> bool:
    """Has the memory of that process, unless this one has some. False: there is none of that mark."""

def family_add(state: int, value: int, text: bytes) -> int:
    """A record of this process, of a state from 1 to 255; its number, or -1 where there is no room."""

def family_set(number: int, state: int, value: int) -> None:
    """Changes a record; nothing happens for -1."""

def family_records() -> tuple[list[tuple[int, int, int, bytes]], int]:
    """(pid, state, value, text) of each record, in order, and how many found no room."""

def malloc_sums(places: list[tuple[int, int, bool]]) -> MallocSums | None:
    """What malloc keeps within ``places`` (start, size, whether it is the kernel's heap). None: it is not glibc's."""

def chunk_sizes(addresses: bytes) -> bytes | None:
    """For each address ("Q") of a block of malloc's the bytes of its chunk, header and rounding included, 0 where it
    cannot be read. None: malloc is not glibc's."""

def malloc_said() -> tuple[str, int, int, int] | None:
    """Which malloc it is where it is not libc's ("jemalloc", "tcmalloc", "mimalloc"), and in bytes what is in use, what
    is free in memory, and what it holds for itself: zeros of mimalloc, which does not tell. None: no such malloc."""

def own_extents() -> list[tuple[int, int, int]]:
    """Start, size and resident bytes of each mapping of the engine's own, ascending; empty where that is not known."""

def resident_of(ranges: list[tuple[int, int]]) -> list[int]:
    """How many bytes of each stretch (start, end) are in memory, ascending; 0 where that is not known."""

def list_text(measured: bool) -> bytes | None:
    """The kernel's list of mappings, with the sums of their pages or without. None: it cannot be read."""

def trim_malloc() -> None:
    """Has malloc give back the whole pages that it keeps free."""

def python_pools(ranges: list[tuple[int, int]], most: int) -> tuple[int, int, int, bytes] | None:
    """Python's pools of small blocks within ``ranges``: how many pools, bytes of the blocks in use, bytes of the arenas
    that are in memory, and of each arena two words of 64 bits, where it starts and ends. None: there are no pools."""

def frame_chunks() -> bytes:
    """Where the threads of this interpreter keep the frames of Python's calls: of each chunk two words of 64 bits, its
    address and its size. Empty before 3.11, where frames are objects."""

def take_reserve() -> None:
    """Keeps address space for when memory runs out, unless it does: up to 48 MiB and a tenth of the process's limit."""

def give_reserve_back() -> bool:
    """Lets the program, and us, have it. False: there was none."""
