"""gunicorn --preload: the application is loaded before the fork, and a request makes the worker grow."""

import sums

sums.begin()

import json
import socket
import subprocess
import sys

from gunicorn.app.base import BaseApplication

CLIENT = """
import os, signal, sys, urllib.request
try:
    assert urllib.request.urlopen(sys.argv[1]).read() == b"done"
finally:
    os.kill(os.getppid(), signal.SIGTERM)
"""
loaded = {number: f"of all workers {number}" for number in range(200_000)}
kept = []


def application(environ, start_response):
    kept.append({number: f"of one {number}" for number in range(200_000)})
    kept.append([bytes(2000) for _ in range(20_000)][::2])
    kept.append(json.loads(json.dumps(kept[0])))
    sums.end()
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]


class Server(BaseApplication):
    def load_config(self):
        for name, value in {"preload_app": True, "workers": 1, "bind": f"fd://{door.fileno()}"}.items():
            self.cfg.set(name, value)

    def load(self):
        return application


door = socket.create_server(("127.0.0.1", 0))
door.set_inheritable(True)
client = subprocess.Popen([sys.executable, "-c", CLIENT, f"http://127.0.0.1:{door.getsockname()[1]}/"])
Server().run()
