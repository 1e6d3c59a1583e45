"""Run code in subinterpreters, with and without their own GIL."""

kept = [b"x" * 1_000_000 for _ in range(30)]
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import sys

for kind in ("legacy", "isolated") if sys.version_info >= (3, 13) else (False, True):
    for _ in range(3):
        made = interpreters.create(kind) if sys.version_info >= (3, 13) else interpreters.create(isolated=kind)
        (getattr(interpreters, "run_string", None) or interpreters.exec)(made, "kept = [b'x' * 1_000_000] * 3")
        interpreters.destroy(made)
print("done")
