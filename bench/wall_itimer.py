"""How much of a program's CPU time the kernel counts for ITIMER_PROF and RLIMIT_CPU, with and without profiling, on a
busy machine.

    make bench                          or      .venv/bin/python bench/wall_itimer.py

Prints for each mode the CPU seconds used, those counted, and their ratio, which is about 1 in every mode.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

SECONDS = 0.6
MODES = ("plain", "cpu", "wall")


def measure(mode: str) -> None:
    """Measure one mode in a separate process."""
    if mode != "plain":
        import spprof

        spprof.start(interval_ms=1, mode=mode)
    signal.signal(signal.SIGPROF, lambda *_: None)
    signal.setitimer(signal.ITIMER_PROF, 1000)
    begin = time.process_time()
    while time.process_time() - begin < SECONDS:
        for _ in range(100):
            bytes(10)
    used = time.process_time() - begin
    counted = 1000 - signal.getitimer(signal.ITIMER_PROF)[0]
    print(f"{mode:5}: CPU {used:.2f} s, counted {counted:.2f} s, ratio {counted / used:.2f}", flush=True)


def main() -> None:
    """Measure all modes alongside two busy programs per processor."""
    burner = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burner) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        for mode in MODES * 3:
            subprocess.run([sys.executable, __file__, mode], check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
