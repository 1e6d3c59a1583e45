"""What spprof.pth imports where the environment has SPPROF: starts what it asks for, and never stops the program.

Outside the package, whose import may fail: it may be another interpreter's.
"""

from __future__ import annotations

import os
import sys

if os.environ["SPPROF"].lower() not in ("", "off"):
    try:
        from spprof.cli.startup import main

        main()
    except Exception as error:
        if sys.stderr is not None:
            words = " ".join(str(error).split()) or type(error).__name__
            print(f"spprof: SPPROF has no effect here: {words}", file=sys.stderr)
