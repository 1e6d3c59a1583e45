"""The command line, on a system that calls itself macOS."""

import sys

import spprof.cli.main

sys.platform = "darwin"
sys.exit(spprof.cli.main.main(sys.argv[1:]))
