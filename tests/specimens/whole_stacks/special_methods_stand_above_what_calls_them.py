import extension
from specimen import allocate, memprof, tell

memprof.start(0)


class Meta(type):
    def __call__(cls):
        allocate(70001)
        return super().__call__()


class Thing(metaclass=Meta):
    allocate(70002)

    def __init__(self):
        allocate(70003)

    def __del__(self):
        allocate(70004)

    def __lt__(self, other):
        allocate(70005)
        return True

    def __getattr__(self, name):
        allocate(70006)

    def __len__(self):
        allocate(70007)
        return 0

    def __enter__(self):
        allocate(70008)

    def __exit__(self, *error):
        allocate(70009)

    @property
    def header(self):
        allocate(70010)

    def method(self):
        allocate(70011)


def use():
    thing = Thing()
    thing < thing
    thing.missing
    len(thing)
    with thing:
        pass
    thing.header
    extension.call_method(thing, "method")
    del thing


use()
tell(*range(70001, 70012))
