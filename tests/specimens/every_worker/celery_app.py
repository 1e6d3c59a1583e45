"""A Celery application whose broker is a folder. As a program, it runs one task and prints the worker's pid."""

from __future__ import annotations

import os

from celery import Celery
from leak import task as leaky_task

FOLDER = os.environ["BROKER_FOLDER"]
app = Celery("celery_app", broker="filesystem://", backend=f"file://{FOLDER}/results")
app.conf.broker_transport_options = {
    "data_folder_in": f"{FOLDER}/queue",
    "data_folder_out": f"{FOLDER}/queue",
    "control_folder": f"{FOLDER}/control",
}


@app.task(name="task")
def task(number: int) -> int:
    return leaky_task(number)


if __name__ == "__main__":
    print(max(one.get(timeout=600) for one in [task.delay(number) for number in range(5, 9)]))
