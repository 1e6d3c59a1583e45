"""Run a package's own test suite without a profiler and under both profilers at their finest settings: each test must
have the same outcome.

python tests/stress/package_suite.py FOLDER [SOURCE] [TESTS]

FOLDER: where the package was unpacked or installed. SOURCE and TESTS: the folders in it from which to import and to run
the tests (src, tests).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import outcomes

TESTS = sys.argv[3] if len(sys.argv) > 3 else "tests"

PLUGIN = """
import spprof
import spprof.memprof

spprof.memprof.start(64)
spprof.start(interval_ms=1)


def pytest_unconfigure(config):
    profile = spprof.stop()
    spprof.memprof.stop()
    assert profile.sample_count > 0
    assert spprof.memprof.get_stats().total_samples > 0
"""


def run(folder: Path, source: str, plugins: list[str]) -> dict[str, str]:
    """Run the suite and return how each test ended."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "both_profilers.py").write_text(PLUGIN)
        report = Path(name, "report.xml")
        environment = {
            **os.environ,
            "PYTHONPATH": f"{folder / source}:{name}:{os.environ.get('PYTHONPATH', '')}",
            "PYTHONHASHSEED": "0",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, f"--junitxml={report}"]
        subprocess.run([*command, TESTS], cwd=folder, env=environment, check=False, stdout=subprocess.DEVNULL)
        return outcomes.read(report)


def main() -> None:
    folder, source = Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "src"
    alone = run(folder, source, [])
    beside = run(folder, source, ["-p", "both_profilers"])
    changed = outcomes.changed(alone, beside)
    print(
        f"{folder.name}: {len(alone)} tests, {sum(how == outcomes.PASSED for how in alone.values())} pass; "
        f"{len(changed)} end otherwise under both profilers {sorted(changed)[:10]}"
    )
    sys.exit(bool(changed) or not alone)


if __name__ == "__main__":
    main()
