"""Every stack that the engine has seen."""

from spprof import _engine, memprof


def stacks():
    "Of each: (function, file, line) leaf first, native return addresses, whether frames are known to be missing."
    for stack_id in range(1, memprof.get_stats().unique_stacks + 1):
        words, cut, truncated = _engine.stack(stack_id)
        python = [_engine.code(word) for word in words if word >> 63]
        native = [word & (1 << 48) - 1 for word in words if not word >> 63]
        yield python, native, cut or truncated
