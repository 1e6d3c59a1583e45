"""Write the same files as `meson test`. A program whose name says so fails until the name is in fixed.txt."""

import json
import pathlib
import sys

fixed, asked = pathlib.Path("fixed.txt"), sys.argv[1:] or ["test_one", "test_two"]
results = {
    name: name in (fixed.read_text().split() if fixed.exists() else []) or "WILL_FAIL" not in name for name in asked
}
logs = pathlib.Path("logs")
logs.mkdir(exist_ok=True)
suites = [f'<testsuite name="p.unit - p:{name}"><testcase name="1 - a" classname="x"/></testsuite>' for name in results]
(logs / "testlog.junit.xml").write_text("<testsuites>" + "".join(suites) + "</testsuites>")
lines = [
    json.dumps({"name": f"unit - p:{name}", "result": "OK" if good else "ERROR"}) for name, good in results.items()
]
(logs / "testlog.json").write_text("\n".join(lines))
sys.exit(0 if all(results.values()) else 1)
