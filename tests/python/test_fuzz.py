"""The inputs that fuzzing has collected are run under sanitizers. A crashing target is reported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from native import compile_library

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "fuzz" / "run.py"

# Crashes on an input of two bytes, so the fuzzer finds the bytes one after the other.
CRASHES = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size > 1 && bytes[0] == 'n')
        if (bytes[1] == 'o') %s
    return 0;
}
"""


@pytest.fixture
def run(tmp_path: Path) -> ModuleType:
    """Load tests/fuzz/run.py. Skip the test if the compiler has no sanitizers."""
    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }", encoding="utf-8")
    compile_library(empty, tmp_path / "empty.so")
    command = ["gcc", "-fsanitize=address,undefined", str(empty), "-o", str(tmp_path / "empty")]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("gcc has no sanitizers here")
    specification = importlib.util.spec_from_file_location("fuzz_run", RUN)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["fuzz_run"] = module
    specification.loader.exec_module(module)
    return module


def test_every_input_of_the_corpus_is_read(run: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in run.TARGETS:
        inputs = list((ROOT / "tests" / "fuzz" / "corpus" / target.name).iterdir())
        assert len(inputs) > 10
        assert run.fuzz(target, run.parse_arguments(["--build", str(tmp_path), "--runs", "0"])), capsys.readouterr().out
        assert f"{target.name}: {len(inputs)} runs in" in capsys.readouterr().out


@pytest.mark.parametrize("crash", ["abort();", "return bytes[size];", "return 1 << (31 + size);"])
def test_an_input_that_crashes_is_kept(run: ModuleType, tmp_path: Path, crash: str) -> None:
    source = tmp_path / "crashes.c"
    source.write_text(CRASHES % crash, encoding="utf-8")
    options = ["--build", str(tmp_path), "--corpus", str(tmp_path), "--runs", "500000"]
    assert not run.fuzz(run.Target("crashes", [str(source)]), run.parse_arguments(options))
    (kept,) = (tmp_path / "crashes" / "found").iterdir()
    assert kept.read_bytes().startswith(b"no")
