"""``python -m spprof``: the command line."""

from __future__ import annotations

import sys

from spprof.cli.main import main

sys.exit(main())
