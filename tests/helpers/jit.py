"""Whether this Python has a JIT that generates code, and the environment that switches it off or on."""

import sys

_JIT = getattr(sys, "_jit", None)
IS_AVAILABLE = _JIT is not None and _JIT.is_available()

OFF = {"PYTHON_JIT": "0"}
ON = {"PYTHON_JIT": "1"}
EAGER = {
    **ON,
    # From 3.15 on, code is generated for what has run once; before, for what has run some four thousand times.
    "PYTHON_JIT_JUMP_BACKWARD_INITIAL_VALUE": "1",
    "PYTHON_JIT_RESUME_INITIAL_VALUE": "1",
    "PYTHON_JIT_SIDE_EXIT_INITIAL_VALUE": "1",
}

ENVIRONMENTS = {"jit-off": OFF, **({"jit-on": EAGER} if IS_AVAILABLE else {})}
"""By the name that a test has with it."""
