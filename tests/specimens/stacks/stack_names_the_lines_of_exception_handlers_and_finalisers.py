import held

held.memprof.start(0)
keep = []


def fail():
    try:
        raise ValueError
    except ValueError:
        keep.append(bytearray(70001))
        raise
    finally:
        keep.append(bytearray(70002))


class Dying:
    def __del__(self):
        keep.append(bytearray(70003))


def drop():
    dying = Dying()
    del dying


try:
    fail()
except ValueError:
    keep.append(bytearray(70004))
drop()
held.tell(*range(70001, 70005))
