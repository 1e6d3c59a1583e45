"""Programs, by name, that print how they are run: everything that a profiler could change about a program."""

PROGRAMS = {
    "arguments": """
        import sys
        print(sys.argv, sys.path[0], sys.path.count(sys.path[0]))
        """,
    "main": """
        import sys
        main = sys.modules["__main__"]
        print(sorted(globals()), __name__, __file__, __spec__ and __spec__.name, __package__, __doc__)
        print(main.__dict__ is globals(), type(__loader__).__name__, __loader__.name, type(__builtins__).__name__)
        """,
    "stdin": "import sys; print(sys.stdin.read().upper())",
    "status": "import sys; sys.exit(37)",
    "message": "import sys; sys.exit('the end')",
    "raises": """
        def deep(): raise ValueError("x")
        try:
            deep()
        except ValueError:
            raise KeyError("y")
        """,
    "syntax error": "x = = 1",
    "raises what has a hook": """
        import sys, traceback
        def hook(kind, error, tb):
            print(kind, [frame.name for frame in traceback.extract_tb(tb)], sys.last_traceback is tb)
        sys.excepthook = hook
        1 / 0
        """,
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)\nwhile True: pass",
    "hung up": "import os, signal; os.kill(os.getpid(), signal.SIGHUP)\nwhile True: pass",
    "its own handler": """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
        while True: pass
        """,
    "its own exit handlers": """
        import atexit
        atexit.register(print, "bye")
        """,
    "environment": """
        import os, subprocess, sys
        print({name: os.environ.get(name) for name in ("LD_PRELOAD", "PYTHONPATH")})
        print(subprocess.check_output([sys.executable, "-c", "import os; print(os.environ.get('LD_PRELOAD'))"]))
        """,
    "threads": """
        import threading
        print(threading.active_count(), threading.current_thread() is threading.main_thread())
        threading.Thread(target=lambda: print("last")).start()
        """,
    "a worker that is ended as it begins": """
        import multiprocessing, threading
        context = multiprocessing.get_context("fork")
        for _ in range(20):
            worker = context.Process(target=threading.Event().wait)
            worker.start()
            worker.terminate()
            worker.join()
            print(worker.exitcode)
        """,
    "a fork": """
        import os
        child = os.fork()
        if child == 0:
            raise SystemExit(3)
        print(os.waitpid(child, 0)[1] >> 8)
        """,
    "workers": """
        import multiprocessing
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            with context.Pool(2) as pool:
                print(pool.map(abs, [-1, -2, -3]))
        worker = context.Process(target=print, args=("in the worker",))
        worker.start(); worker.join(); print(worker.exitcode)
        """,
}
