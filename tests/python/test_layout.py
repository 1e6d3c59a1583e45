"""An interpreter whose memory layout differs from the one that spprof was built for is rejected at import."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from child import Child
from specimens import specimen

ROOT = Path(__file__).parents[2]

USED = {
    "free_threaded",
    "runtime_state.finalizing",
    "runtime_state.interpreters_head",
    "interpreter_state.next",
    "interpreter_state.ceval_gil",
    "thread_state.interp",
    "thread_state.current_frame",
    "thread_state.datastack_chunk",
    "interpreter_frame.previous",
    "interpreter_frame.executable",
    "interpreter_frame.instr_ptr",
    "interpreter_frame.localsplus",
    "interpreter_frame.owner",
    "code_object.filename",
    "code_object.qualname",
    "code_object.linetable",
    "code_object.firstlineno",
    "code_object.co_code_adaptive",
    "pyobject.ob_type",
    "bytes_object.ob_sval",
    "unicode_object.state",
    "unicode_object.length",
    "unicode_object.asciiobject_size",
    *(["gen_object.gi_iframe"] if sys.version_info >= (3, 14) else []),
    *(["thread_state.base_frame"] if sys.version_info >= (3, 15) else []),
}
"""The offsets that the interpreter reports and the walkers read."""

TABLE_WORDS = {(3, 13): 73, (3, 14): 95, (3, 15): 111}
"""The length of the interpreter's table; the memory after it is in use."""

VERSION = "{}.{}".format(*sys.version_info[:2])
FREE_THREADED = f"spprof cannot profile a free-threaded Python: use a Python {VERSION} with the GIL"
OTHERS = re.compile(
    rf"spprof was built for a Python {re.escape(VERSION)} that differs from this one "
    r"\((.+): \d+ there, \d+ here\): install it again with this one: "
    rf"{re.escape(sys.executable)} -m pip install --force-reinstall --no-cache-dir --no-binary spprof spprof"
)


def refused(said: str) -> str:
    """Return the names of the differing fields that a rejection lists."""
    if said == FREE_THREADED:
        return "free_threaded"
    matched = OTHERS.fullmatch(said)
    assert matched, said
    return matched[1]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="before 3.13 the interpreter reports no offsets")
def test_an_interpreter_that_tells_another_offset_is_refused(child: Child) -> None:
    words = str(TABLE_WORDS[sys.version_info[:2]])
    true, *forged = json.loads(child.run(specimen("layout/each_told_offset"), words))
    assert true == ""
    cookie, version, *offsets = [refused(said) for said in filter(None, forged)]
    assert (cookie, version) == ("its table of offsets", "its version")
    assert sorted(offsets) == sorted(USED)


def test_an_interpreter_whose_frames_are_elsewhere_is_refused(child: Child) -> None:
    program = """
        try:
            import spprof
        except ImportError as error:
            print(error)
        """
    said = child.run(program, environment={"SPPROF_FORGED_FRAMES": "1"}).strip()
    assert refused(said) == "frames at their expected positions"
    assert child.run(program) == ""


def test_a_free_threaded_python_is_refused_before_anything_is_loaded(child: Child) -> None:
    assert child.run(specimen("layout/free_threaded")) == f"{FREE_THREADED}\n[]\n"


def test_pip_is_told_in_one_line_that_a_free_threaded_python_is_refused(child: Child) -> None:
    """pip shows the output of importing the build backend, so this comes before any output of meson."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'build-backend = "checked_mesonpy"\nbackend-path = ["tools/backend"]\n' in project
    refused_build = child.attempt(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        sys.abiflags += "t"
        import checked_mesonpy
        """,
        str(ROOT / "tools" / "backend"),
    )
    assert refused_build.returncode != 0
    assert (refused_build.stdout, refused_build.stderr) == ("", f"{FREE_THREADED}\n")
