"""Profile files: the time to write a large snapshot in pprof's format, its size, and the time to read it into a table,
compared with memray's `table`.

python bench/files.py [STACKS]

The snapshot has 50 000 unique stacks of 40 frames (bench/stacks.py), or STACKS of them. memray traces a program that
allocates one block at each of the same number of stacks. memray is installed into its own environment; if it is
unavailable, its line says so. Wall time and CPU time are the best of ROUNDS. Those for reading are of whole commands.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

from spprof.text import human_bytes

ROUNDS = 3
MEMRAY = "memray==1.20.0"

PROGRAM = """
import random
chance = random.Random(1)
functions = []
for number in range({functions}):
    names = {{}}
    exec(compile(f"def function_{{number}}(path, at):\\n"
                 f"    if at == len(path): return bytearray(512)\\n"
                 f"    return path[at](path, at + 1)", f"module_{{number % {files}}}.py", "exec"), names)
    functions.append(names[f"function_{{number}}"])
kept, paths = [], []
for _ in range({stacks}):
    path = list(chance.choice(paths)[:chance.randrange({depth} // 2, {depth})]) if paths else []
    while len(path) < {depth}:
        path.append(chance.choice(functions))
    paths.append(path)
    kept.append(path[0](path, 1))
"""


def best(who: int, work: Callable[[], None], rounds: int = ROUNDS) -> str:
    """Format the wall and CPU seconds of the fastest of some runs. ``who`` is resource.RUSAGE_…, which selects the CPU
    time.
    """
    walls, processors = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), processor_seconds(who)
        work()
        walls.append(time.perf_counter() - start)
        processors.append(processor_seconds(who) - used)
    return f"{min(walls):8.2f} s ({min(processors):.2f} s CPU)"


def processor_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def best_of_command(command: list[str | Path], rounds: int = ROUNDS) -> str:
    """Do the same as best() for a command. Raise CalledProcessError if it fails."""
    words = list(map(str, command))
    return best(
        resource.RUSAGE_CHILDREN, lambda: subprocess.run(words, capture_output=True, check=True) and None, rounds
    )


def written(folder: Path, count: int) -> tuple[str, Path]:
    """Write the snapshot. Return the time that this took, and the file."""
    import stacks

    snapshot = stacks.snapshot_of(stacks.tree_of_stacks(stacks=count))
    path = folder / "heap.pb.gz"
    return best(resource.RUSAGE_SELF, lambda: snapshot.save(path)), path


def memray_capture(folder: Path, count: int) -> tuple[Path, Path]:
    """Return a Python that has memray, and memray's file of the program. Raise OSError if memray is unavailable."""
    import stacks

    python = folder / "memray" / "bin" / "python"
    program = folder / "program.py"
    sizes = {"functions": stacks.FUNCTIONS, "files": stacks.FILES, "stacks": count, "depth": stacks.DEPTH}
    program.write_text(PROGRAM.format(**sizes))
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "memray"], check=True, capture_output=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", MEMRAY], check=True, capture_output=True)
        capture = folder / "capture.bin"
        subprocess.run([python, "-m", "memray", "run", "-o", capture, program], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.decode(errors="replace").strip().splitlines()[-1]) from error
    return python, capture


def memray_table(folder: Path, count: int) -> str:
    """Return the size of memray's file and the seconds that its table takes, or the reason why there is none."""
    try:
        python, capture = memray_capture(folder, count)
    except OSError as error:
        return f"unavailable: {error}"
    taken = best_of_command([python, "-m", "memray", "table", "-f", "-o", folder / "table.html", capture])
    return f"{taken} from {human_bytes(capture.stat().st_size)}"


def main() -> None:
    import stacks

    count = int(sys.argv[1]) if len(sys.argv) > 1 else stacks.STACKS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taken, path = written(folder, count)
        print(f"{'pprof written':<28}{taken}")
        print(f"{'its size':<28}{human_bytes(path.stat().st_size)}")
        print(f"{'read and tabled':<28}{best_of_command([sys.executable, '-m', 'spprof', 'table', path])}")
        print(f"{'memray table':<28}{memray_table(folder, count)}")


if __name__ == "__main__":
    main()
