import sys

import spprof.memprof as memprof
from listed import mappings
from spprof import _engine

memprof.start(512, native=sys.argv[1])
before = {listed.address for listed in mappings()}
_engine.family_open(1)
_engine.take_reserve()
kept = [object() for _ in range(500_000)] + [bytes(100) for _ in range(500_000)]  # a few hundred arenas
memprof.get_snapshot()
kept += [bytes(100) for _ in range(500_000)]
beside = [listed for listed in mappings() if listed.address not in before]
assert not beside, beside
_engine.give_reserve_back()
