import held

held.memprof.start(0)


class Reader:
    table = bytearray(70001)

    def read(self):
        return bytearray(70002)

    @property
    def header(self):
        return bytearray(70003)

    def __lt__(self, other):
        keep.append(bytearray(70004))
        return True


keep = [Reader().read()]  # read
keep.append(Reader().header)
min(Reader(), Reader())
keep.append((lambda: bytearray(70005))())


def outer():
    def inner():
        return bytearray(70006)

    return inner()  # closure


keep.append(outer())
max([1], key=lambda _: keep.append(bytearray(70007)))
held.tell(*range(70001, 70008))
