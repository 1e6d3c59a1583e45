import spprof
from of_cpu import busy, count


class Thing:
    @spprof.profile(interval_ms=1)
    def method(self):
        busy()
        return self

    @staticmethod
    @spprof.profile
    def static():
        return 1

    @classmethod
    @spprof.profile
    def of_class(cls):
        return cls


thing = Thing()
assert thing.method() is thing and count(Thing.method.profile, "busy") >= 5
assert thing.static() == 1 and Thing.of_class() is Thing and Thing.static.profile
for wrong in (Thing, staticmethod(busy), classmethod(busy)):
    try:
        spprof.profile()(wrong)
    except TypeError as error:
        assert "decorate its methods" in str(error) or "put @spprof.profile below" in str(error)
    else:
        raise AssertionError(wrong)
