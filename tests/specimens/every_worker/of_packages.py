"""Worker pools from packages that start their own workers. Prints the pid of the leaking worker."""

from __future__ import annotations

import os
import sys
import time

from leak import task


def with_loky() -> int:
    import loky

    with loky.ProcessPoolExecutor(3) as executor:
        return max(executor.map(task, range(20)))


def with_dask() -> int:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        return max(client.gather(client.map(task, range(20))))


def with_ray() -> int:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
    numbers = [ray.remote(task).remote(number) for number in range(20)]
    found = max(ray.get(numbers))
    _wait_for_a_later_file(f"a.{found}.pb.gz")
    ray.shutdown()
    return found


def _wait_for_a_later_file(name: str) -> None:
    """Wait until ``--every`` has written the current file, the one in progress, and one that was begun after it."""
    seen = set()
    while len(seen) < 3:
        time.sleep(0.05)  # between two checks
        if os.path.exists(name):
            status = os.stat(name)
            seen.add((status.st_ino, status.st_mtime_ns))


if __name__ == "__main__":
    print({"loky": with_loky, "dask": with_dask, "ray": with_ray}[sys.argv[1]]())
