"""Makes a clean root of one Debian release with debootstrap, and runs programs in it.

python3 tools/debian_root.py RELEASE FOLDER PACKAGE...

Needs root. The machine's own apt configuration names the mirror. An existing root is left alone. Mounts are made in a
separate namespace, so that none outlives its command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fetch_debian

FETCHED = Path(__file__).resolve().parents[1] / "build" / "deps" / "debootstrap"
"""Where `make` unpacks debootstrap if the system lacks it."""

INSIDE = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
SEARCHED = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


def debootstrap() -> tuple[list[str | Path], dict[str, str]]:
    """Return the command and its variables: the unpacked debootstrap if there is one, otherwise the system's."""
    unpacked = FETCHED / "usr" / "sbin" / "debootstrap"
    if unpacked.exists():
        keys = FETCHED / "usr" / "share" / "keyrings" / "debian-archive-keyring.gpg"
        return [unpacked, f"--keyring={keys}"], {"DEBOOTSTRAP_DIR": str(FETCHED / "usr" / "share" / "debootstrap")}
    return ["debootstrap"], {}


def provide(release: str, home: Path, packages: list[str]) -> None:
    """Make the root, which gets its final name only when it is complete. Raise CalledProcessError if that fails."""
    if home.exists():
        return
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command, variables = debootstrap()
    options = ["--variant=minbase", f"--include={','.join(packages)}"]
    subprocess.run(
        ["unshare", "--mount", *command, *options, release, partial, fetch_debian.debian_mirror()],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    partial.replace(home)


def run(home: Path, *command: str, folder: str = "/") -> subprocess.CompletedProcess[str]:
    """Run a command in the root, with a clean environment and without a network. Its stdout and stderr are combined."""
    isolated = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", INSIDE, str(home)]
    clean = ["env", "-i", f"--chdir={folder}", SEARCHED, "HOME=/root", "LANG=C.UTF-8"]
    return subprocess.run(
        [*isolated, *clean, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def main() -> None:
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        provide(sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:])
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"the root of Debian {sys.argv[1]} was not made: {error}")


if __name__ == "__main__":
    main()
