"""Remove the package, or replace it with another version, and use it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import everything
import spprof

assert spprof.__file__.startswith(os.getcwd()), spprof.__file__
package = Path(spprof.__file__).parent
if sys.argv[1] == "removed":
    shutil.rmtree(package)
else:
    for file in [*package.rglob("*.py"), *package.rglob("*.js"), *package.rglob("*.html")]:
        file.write_text("this is another version")
everything.use(os.getcwd())
assert "another version" not in Path("heap.html").read_text()
print("used")
