"""Both profilers, on a system that calls itself macOS and whose user has asked for the experiment."""

import sys
import warnings

import spprof
import spprof.memprof as memprof

sys.platform = "darwin"
warnings.simplefilter("error")
memprof.start()
print(memprof.get_stats().native_mode)
memprof.stop()
memprof.start(native="off")
print(memprof.get_stats().native_mode)
memprof.stop()
spprof.start()
print(spprof.stop().threads[0].name)
