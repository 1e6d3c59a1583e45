"""Close every descriptor that this program did not open, open its own files there, and start a program or become one.

The other program prints how many open files it finds that it should not have inherited.
"""

import os
import subprocess
import sys

os.closerange(3, 1000)
own = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(100)]
kept = [b"x" * 1_000_000 for _ in range(100)]
code = (
    "import os\n"
    "kept = [b'x' * 1_000_000 for _ in range(100)]\n"
    "links = [f'/proc/self/fd/{number}' for number in os.listdir('/proc/self/fd')]\n"
    "print([os.readlink(link) for link in links if os.path.exists(link)].count('/etc/passwd'))\n"
)
if sys.argv[1] == "exec":
    os.execv(sys.executable, [sys.executable, "-c", code])
subprocess.run([sys.executable, "-c", code], check=True, close_fds=False)
