"""A Flask application that allocates a lot for each request, and keeps a little of it forever.

GET /    allocates 5 MB in blocks of 100 to 20,000 bytes, freed with the answer; the clock sets how much is kept
"""

import os
import random
import time

import flask

LEAK_A_SECOND = float(os.environ["LEAK_A_SECOND"])
BLOCK = 1024

app = flask.Flask("growing")
draw = random.Random(1)
kept = []
since = None


def leak():
    kept.append(bytearray(BLOCK))


def churn():
    held, total = [], 0
    while total < 5_000_000:
        size = draw.randrange(100, 20_000)
        held.append(bytes(size))
        total += size
    return len(held)


@app.get("/")
def index():
    global since
    now = time.monotonic()
    since = since or now
    while len(kept) * BLOCK < (now - since) * LEAK_A_SECOND:
        leak()
    return str(churn())
