import sys

import held

held.memprof.start(0)
keep = []


def work():
    keep.append(bytearray(70001))


def watch(frame, event, argument):
    if event == "line" and len(keep) == 1:
        keep.append(bytearray(70002))
    return watch


def call():
    work()
    return None


sys.settrace(watch)
call()
sys.settrace(None)
held.tell(70001, 70002)
