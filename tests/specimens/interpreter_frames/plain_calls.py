import threading

import show

keep = []
show.memprof.start(0)


def allocate(size):
    keep.append(bytearray(size))


class Caller:
    def __init__(self, size):
        self.__call__(size)

    def __call__(self, size):
        self.size = size
        self.size

    def __getattribute__(self, name):
        if name == "size":
            allocate(object.__getattribute__(self, name))
        return object.__getattribute__(self, name)


def generated(size):
    yield Caller(size)


def run(size):
    for _ in generated(size):
        pass


run(70001)
thread = threading.Thread(target=run, args=(70002,))
thread.start()
thread.join()
exec("run(70003)")
show.show(70001, 70002, 70003)
