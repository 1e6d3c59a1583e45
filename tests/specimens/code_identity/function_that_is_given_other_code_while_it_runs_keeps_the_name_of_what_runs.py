from identity import check, memprof

memprof.start(1)
keep = []


def old():
    old.__code__ = new.__code__
    keep.append(bytearray(70001))


def new():
    keep.append(bytearray(70002))


old_code = old.__code__
old()
old()
renamed = {"co_name": "third", "co_filename": "third.py", "co_firstlineno": 100}
if hasattr(old_code, "co_qualname"):
    renamed["co_qualname"] = "third"
old.__code__ = old_code.replace(**renamed)
keep.append(old())
check(
    {
        70001: ("third", "third.py", 102),
        70002: ("new", __file__, new.__code__.co_firstlineno + 1),
    }
)
