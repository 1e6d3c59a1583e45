"""Several triggers, how they end, and a child that starts its own."""

import os
import signal
import sys
import time

import spprof
import spprof.memprof as memprof
from spprof import _engine
from spprof.serve import background


def refused(**what):
    try:
        spprof.trigger(folder=sys.argv[1], **what)
    except RuntimeError as error:
        return str(error)
    return ""


def wait_for(trigger, count):
    while trigger.written < count:
        time.sleep(0.01)


memprof.start(16)
one = spprof.trigger(folder=sys.argv[1], on_signal=signal.SIGUSR2)
other = spprof.trigger(folder=sys.argv[1], on_signal="usr1", on_memory_error=True)
assert "SIGUSR2 is ignored, or the program, another trigger" in refused(on_signal="USR2")
assert "another trigger is already waiting for failed allocations" in refused(on_memory_error=True)
assert "SIGUSR1 is ignored" in refused(on_signal="USR1")
signal.signal(signal.SIGHUP, signal.SIG_IGN)
assert "SIGHUP is ignored" in refused(on_signal="HUP")
os.kill(os.getpid(), signal.SIGUSR1)
wait_for(other, 1)
os.kill(os.getpid(), signal.SIGUSR2)
wait_for(one, 1)
os.kill(os.getpid(), signal.SIGUSR2)
wait_for(one, 2)
assert (one.written, other.written) == (2, 1)
parent = os.getpid()
child = os.fork()
if child == 0:
    one.stop()  # this trigger is the parent's: nothing happens
    os.kill(os.getpid(), signal.SIGUSR2)
    again = spprof.trigger(folder=sys.argv[1], on_signal="USR2", on_memory_error=True)
    os.kill(os.getpid(), signal.SIGUSR2)
    wait_for(again, 1)
    again.stop()
    assert _engine.has_default_action(signal.SIGUSR2)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
signal.signal(signal.SIGUSR1, print)  # the program installs its own handler
one.stop()
one.stop()
other.stop()
assert signal.getsignal(signal.SIGUSR1) is print
assert _engine.has_default_action(signal.SIGUSR2)
assert not background._state().jobs
assert len(os.listdir("/proc/self/task")) == 1
with spprof.trigger(folder=sys.argv[1], on_signal="USR2", on_memory_error=True):
    pass
names = sorted(name.removeprefix("spprof-two.py.").replace(str(parent), "PID") for name in os.listdir(sys.argv[1]))
names = [name.replace(str(child), "CHILD") for name in names]
assert names == sorted(["PID.USR1.pb.gz", "PID.USR2.pb.gz", "PID.USR2-2.pb.gz", "CHILD.USR2.pb.gz"]), names
