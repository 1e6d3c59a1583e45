import os

import spprof.memprof as memprof

memprof.start()
snapshot = memprof.get_snapshot()
snapshot.save("old.json")
os.chmod("old.json", 0o644)
old = open("old.json", "rb").read()
if os.getuid() == 0:  # root may write anywhere, so become another user
    os.chmod(".", 0o755)
    os.setgid(65534)
    os.setuid(65534)
else:
    os.chmod(".", 0o555)
before = sorted(os.listdir("."))
try:
    snapshot.save("profile.json")
except PermissionError as error:
    assert error.filename == "profile.json"
    assert "choose a folder that this user may write to" in str(error), error
else:
    raise AssertionError("nothing was raised")
assert sorted(os.listdir(".")) == before
assert open("old.json", "rb").read() == old
try:
    snapshot.save("old.json")  # the folder accepts no new file
except PermissionError:
    pass
else:
    raise AssertionError("nothing was raised")
assert open("old.json", "rb").read() == old
