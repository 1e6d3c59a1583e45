"""Start a Python program many times, one after the other, as a build does: starts_many.py COUNT CODE."""

import subprocess
import sys

for _ in range(int(sys.argv[1])):
    subprocess.run([sys.executable, "-c", sys.argv[2]], check=True)
