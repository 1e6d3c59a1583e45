"""Whether this Python has a JIT compiler, and the environments that disable or enable it."""

import sys

_JIT = getattr(sys, "_jit", None)
IS_AVAILABLE = _JIT is not None and _JIT.is_available()

OFF = {"PYTHON_JIT": "0"}
ON = {"PYTHON_JIT": "1"}
EAGER = {
    **ON,
    # From 3.15 on, code is compiled after one run; in earlier versions, after about four thousand.
    "PYTHON_JIT_JUMP_BACKWARD_INITIAL_VALUE": "1",
    "PYTHON_JIT_RESUME_INITIAL_VALUE": "1",
    "PYTHON_JIT_SIDE_EXIT_INITIAL_VALUE": "1",
}

ENVIRONMENTS = {"jit-off": OFF, **({"jit-on": EAGER} if IS_AVAILABLE else {})}
"""Environments, keyed by the name that a test shows for them."""
