import greenlet
from specimen import allocate, chain, memprof, tell

memprof.start(0)


def deep(left, size):
    return deep(left - 1, size) if left else allocate(size)


def run():
    deep(2, 70001)
    main.switch()
    deep(3, 70002)
    chain.chain_outer(70003)
    main.switch()


def start():
    made.switch()


def resume():
    made.switch()


main = greenlet.getcurrent()
made = greenlet.greenlet(run)
start()
deep(1, 70004)
resume()
deep(1, 70005)
tell(*range(70001, 70006))
