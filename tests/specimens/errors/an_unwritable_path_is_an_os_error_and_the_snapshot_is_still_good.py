import os

import spprof.memprof as memprof

memprof.start()
snapshot = memprof.get_snapshot()
try:
    snapshot.save("missing/profile.json")
except FileNotFoundError as error:
    assert error.filename == "missing/profile.json"
    assert "create the folder first" in str(error), error
else:
    raise AssertionError("nothing was raised")
snapshot.save("profile.json")
assert os.path.getsize("profile.json") > 100
