"""The counterpart of orders.py that runs in the measured process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Callable

FOLDER = "BENCH_ORDERS"


def serve(orders: Mapping[str, Callable[..., object]]) -> None:
    """Send the process's id when ready, and then take orders until none are left."""
    folder = os.environ[FOLDER]
    with open(f"{folder}/answers", "w", buffering=1) as answers, open(f"{folder}/orders") as asked:
        answers.write(f"{os.getpid()}\n")
        for line in asked:
            order, *arguments = line.split()
            answers.write(json.dumps(orders[order](*arguments)) + "\n")
