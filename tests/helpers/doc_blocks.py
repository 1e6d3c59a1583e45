"""Runs the code blocks of the documentation one after the other, and compares what they print.

A page's blocks run in one folder, in their order, and share a shell. Files are written before anything runs.

    ```python         a separate program; after `<!-- continues -->` it starts with the blocks before it
    ```bash           commands, all of which must succeed
    ```console        commands behind `$ `, each above what it prints

A comment in the line above a block changes this:

    <!-- file: app.py -->           the block is the content of a file
    <!-- not run: REASON -->        the block is not run
    <!-- continues -->              see above
    <!-- signature: NAMESPACE -->   the block is the signature of a function of that module

The printed text is compared without numbers, units and spaces. A line `…` stands for any number of lines, and `…` in a
line stands for any text. Commands without output below them may print anything. The process id 4711 stands for the last
process that was started in the background.

    python tests/helpers/doc_blocks.py PAGE…        adds the printed text below each command without output
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("python", "bash", "console")
PID = "4711"

_FENCE = re.compile(r"(`{3,})(\S*)")
_MARK = re.compile(r"<!-- (file|not run|continues|signature)(?:: (.+?))? -->")
_NUMBER = re.compile(r"(?:[<>] ?)?[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_UNIT = re.compile(r"(?<=0) ?(?:[KMGT]i?B|B|µs|ms|ns|s|min|h)\b")
_WIDTH = 118
_SECONDS = 120
_PATIENCE = 20
"""Seconds to wait for a process that was just started to answer."""


@dataclass
class Block:
    """A fenced block of a page that names a language."""

    page: str
    line: int
    """The line number of its first line below the fence, counted from 1."""
    language: str
    text: str
    mark: str = ""
    value: str = ""

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language in RUN and self.mark not in ("file", "not run", "signature")

    @property
    def is_file(self) -> bool:
        return self.mark == "file"


@dataclass
class Command:
    """A command of a console block, and what the page shows below it."""

    text: str
    shown: list[str] = field(default_factory=list)
    last_line: int = 0
    """The number of the command's last line within its block, counted from 0."""


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page that name a language, in their order."""
    blocks: list[Block] = []
    fence, language, start, lines = "", "", 0, []
    before = ""
    mark = value = ""
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), start=1):
        opened = _FENCE.fullmatch(line)
        if fence:
            if line == fence:
                if language and not language.startswith("{"):
                    blocks.append(Block(page, start, language, "\n".join(lines) + "\n", mark, value))
                fence = ""
            else:
                lines.append(line)
        elif opened:
            fence, language = opened.groups()
            start, lines = number + 1, []
            marked = _MARK.fullmatch(before)
            mark, value = (marked[1], marked[2] or "") if marked else ("", "")
        before = line
    return blocks


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    commands: list[Command] = []
    for number, line in enumerate(block.text.splitlines()):
        if line.startswith("$ "):
            commands.append(Command(line[2:], last_line=number))
        elif line.startswith("> ") and commands and not commands[-1].shown:
            commands[-1].text += "\n" + line[2:]
            commands[-1].last_line = number
        else:
            assert commands, f"{block.name}: a console block begins with a command"
            commands[-1].shown.append(line)
    return commands


# ---- Comparing what is printed


def plain(line: str) -> str:
    """Return a line without the parts that differ from run to run."""
    line = _UNIT.sub("", _NUMBER.sub("0", line))
    return re.sub(r"[█▓▒░▚▞▙ ]+", " ", line).strip()


def missing_line(shown: list[str], printed: str) -> str | None:
    """Return the first line of ``shown`` that is missing or misplaced in ``printed``, or None if there is none."""
    lines = [plain(line) for line in printed.splitlines() if plain(line)]
    at, anywhere = 0, False
    for line in shown:
        wanted = plain(line)
        if wanted == "…":
            anywhere = True
            continue
        if not wanted:
            continue
        pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
        places = range(at, len(lines) if anywhere else min(at + 1, len(lines)))
        found = [place for place in places if re.fullmatch(pattern, lines[place])]
        if not found:
            return line
        at, anywhere = found[0] + 1, False
    return None if anywhere or at == len(lines) else f"(no more than that) {lines[at]}"


# ---- Running a page


class Page:
    """Runs the blocks of one page in ``folder``."""

    def __init__(self, page: str, folder: Path, preambles: dict[str, str] | None = None) -> None:
        self.page, self.folder = page, folder
        self.preambles = preambles or {}
        self.pid = ""
        self._programs: list[str] = []
        bin_folder = os.path.dirname(sys.executable)
        names = ("LD_PRELOAD", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SPPROF", "SPPROF_TOKEN", "NO_COLOR", "COLUMNS")
        environment = {name: value for name, value in os.environ.items() if name not in names}
        environment.update(
            PATH=f"{bin_folder}{os.pathsep}{environment.get('PATH', '')}",
            PYTHONIOENCODING="utf-8",
            XDG_RUNTIME_DIR=str(folder / "runtime"),
            COLUMNS="120",
        )
        (folder / "runtime").mkdir(mode=0o700)
        self.folder = folder / "work"
        self.folder.mkdir()
        self.environment = environment
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def close(self) -> None:
        """End the shell and everything that it has started in the background."""
        self.ask("jobs -p | xargs -r kill 2>/dev/null; wait")
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.close()
        self._shell.stdout.close()
        self._shell.wait(_SECONDS)

    def ask(self, command: str) -> tuple[int, str]:
        """Run a command in the shell and return its status and what it printed."""
        assert self._shell.stdin
        assert self._shell.stdout
        end = "@@@@ end of a command"
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s %s\\n' '{end}' $? \"$!\"\n")
        self._shell.stdin.flush()
        printed: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(end):
                status, _, self.pid = line[len(end) :].strip().partition(" ")
                return int(status), "".join(printed)[:-1]
            printed.append(line)
        raise AssertionError(f"{self.page}: the shell ended after {command}\n{''.join(printed)}")

    def command(self, text: str) -> str:
        """Run a command of the page and return what it printed. Raise AssertionError if it failed."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            status, printed = self.ask(text.replace(PID, self.pid or PID))
            if status == 0 or PID not in text or time.monotonic() > deadline:
                assert status == 0, f"{self.page}: {text}\nended with {status}:\n{printed}"
                return printed.replace(self.pid, PID) if self.pid else printed
            time.sleep(0.2)

    def write(self, block: Block) -> None:
        """Write the file whose content is this block."""
        (self.folder / block.value).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / block.value).write_text(block.text, encoding="utf-8")

    def run(self, block: Block) -> None:
        """Run a block. Raise AssertionError if it fails or prints something else."""
        if block.language == "python":
            self._program(block)
        elif block.language == "bash":
            for before in (text for part, text in self.preambles.items() if part in block.text):
                self.ask(before)
            self.command(f"(set -e\n{block.text}\n)")
        else:
            for one in commands_of(block):
                printed = self.command(one.text)
                missing = missing_line(one.shown, printed) if one.shown else None
                assert missing is None, f"{block.name}: $ {one.text}\ndid not print: {missing}\nbut:\n{printed}"

    def _program(self, block: Block) -> None:
        earlier = self._programs if block.mark == "continues" else []
        self._programs = [*earlier, block.text]
        before = "".join(text for part, text in self.preambles.items() if part in "".join(self._programs))
        (self.folder / "program.py").write_text(before + "\n".join(self._programs), encoding="utf-8")
        finished = subprocess.run(
            [sys.executable, "program.py"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, f"{block.name} ended with {finished.returncode}:\n{finished.stdout}"


def _shortened(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1].rstrip() + "…"


def main() -> None:
    import tempfile

    for page in sys.argv[1:]:
        lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
        new: dict[int, list[str]] = {}
        with tempfile.TemporaryDirectory() as folder:
            running = Page(page, Path(folder))
            try:
                blocks = blocks_of(page)
                for block in blocks:
                    if block.is_file:
                        running.write(block)
                for block in blocks:
                    if not block.runs:
                        continue
                    started = time.monotonic()
                    if block.language != "console":
                        running.run(block)
                    for one in commands_of(block) if block.language == "console" else []:
                        printed = running.command(one.text)
                        if one.shown:
                            missing = missing_line(one.shown, printed)
                            if missing is not None:
                                print(f"{block.name}: $ {one.text}\n  missing: {missing}\n{printed}")
                        else:
                            new[block.line + one.last_line] = [
                                _shortened(line) for line in printed.rstrip().splitlines()
                            ]
                    print(f"{block.name} {time.monotonic() - started:.1f} s", file=sys.stderr)
            finally:
                running.close()
        for number in sorted(new, reverse=True):
            lines[number:number] = new[number]
        (ROOT / page).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
