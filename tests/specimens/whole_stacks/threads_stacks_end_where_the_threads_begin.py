import threading

import extension
from specimen import allocate, chain, memprof, tell

memprof.start(0)
thread = threading.Thread(target=allocate, args=(70001,))
thread.start()
thread.join()
chain.chain_run_thread(70002)


def in_native_thread():
    allocate(70003)


extension.call_in_thread(in_native_thread)
tell(70001, 70002, 70003)
