import signal

from specimen import allocate, chain, memprof, tell

memprof.start(0)


def on_signal(number, frame):
    allocate(70001)


signal.signal(signal.SIGUSR1, on_signal)


def interrupted():
    signal.raise_signal(signal.SIGUSR1)
    for _ in range(10):
        pass


def interrupted_in_c():
    chain.chain_signal(70002)


interrupted()
interrupted_in_c()
tell(70001, 70002)
