import signal
import threading

import spprof
from spent import check_seconds, spend_in_c


def blocking():
    signal.pthread_sigmask(signal.SIG_SETMASK, range(1, signal.NSIG))
    spend_in_c(0.3)
    spent.set()
    end.wait()


spent, end = threading.Event(), threading.Event()
spprof.start(interval_ms=1)
thread = threading.Thread(target=blocking)
thread.start()
spent.wait()
profile = spprof.stop()
end.set()
thread.join()
check_seconds(profile, "<signals blocked>", 0.3, thread_id=thread.native_id)
assert "blocks" in str(profile) or "blocked" in str(profile), profile
