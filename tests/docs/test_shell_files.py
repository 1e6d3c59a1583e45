"""The man page and the completions match the current command line, and work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import ROOT

sys.path.append(str(ROOT / "tools"))  # after the standard library
import shell_files

MAN = ROOT / "share" / shell_files.MAN


def output_of(*command: str | Path, folder: Path = ROOT) -> str:
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def test_the_files_are_those_of_the_command_line() -> None:
    pytest.importorskip("shtab", reason="shtab is installed from Python 3.11 on")
    changed = [
        name for name, text in shell_files.written().items() if (ROOT / "share" / name).read_text("utf-8") != text
    ]
    assert changed == [], "make shell-files writes them"


# ---- The man page


def test_the_man_page_names_every_verb_and_option() -> None:
    text = MAN.read_text(encoding="utf-8").replace("\\-", "-")
    for verb, parser in shell_files.verbs().items():
        assert f'.SH "SPPROF {verb.upper()}"' in text
        for action in parser._actions:
            for name in action.option_strings:
                assert f"\\fB{name}\\fR" in text, (verb, name)


def test_the_man_page_has_macros_of_man_alone() -> None:
    macros = {line.split()[0] for line in MAN.read_text(encoding="utf-8").splitlines() if line.startswith(".")}
    assert macros <= {".TH", ".SH", ".TP", ".PP", ".B", ".I", ".BR", ".RI", ".br"}


@pytest.mark.parametrize(
    "command", [("man", "--warnings", "-l", "-E", "UTF-8"), ("mandoc", "-W", "error")], ids=lambda command: command[0]
)
def test_readers_show_the_man_page_without_a_warning(command: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    shown = output_of(*command, MAN, folder=tmp_path)
    plain = re.sub(r".\x08|\x1b\[[\d;]*m", "", shown)
    assert "sampling profiler of heap" in re.sub(r"\s+", " ", plain)
    assert "warning" not in shown.lower()


def test_text_is_escaped_for_the_man_page() -> None:
    assert shell_files.escaped("-o \\n\n.B 'x'") == "\\-o \\en .B 'x'"
    assert shell_files.escaped(".hidden") == "\\&.hidden"


# ---- Completions

BASH = """
source share/bash-completion/completions/spprof
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMP_LINE="${{COMP_WORDS[*]}}"
COMP_POINT=${{#COMP_LINE}} COMPREPLY=()
_shtab_spprof
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

CASES = [
    (("spprof", "ta"), ["table"]),
    (("spprof", "table", "--vi"), ["--view"]),
    (("spprof", "table", "--view", ""), ["live", "peak", "allocated", "mapped", "resident"]),
    (("spprof", "table", "READ"), ["README.md"]),
    (("spprof", "run", "--when-c"), ["--when-cgroup"]),
    (("spprof", "run", "READ"), ["README.md"]),
]


@pytest.mark.parametrize(("words", "completed"), CASES, ids=lambda value: " ".join(value))
def test_bash_completes(words: tuple[str, ...], completed: list[str]) -> None:
    script = BASH.format(words=" ".join(f"'{word}'" for word in words))
    assert output_of("bash", "--norc", "-c", script).split() == completed


@pytest.mark.parametrize(("words", "completed"), CASES, ids=lambda value: " ".join(value))
def test_fish_completes(words: tuple[str, ...], completed: list[str]) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    line = " ".join(words)
    script = f'source share/fish/vendor_completions.d/spprof.fish; complete -C "{line}"'
    found = {row.partition("\t")[0] for row in output_of("fish", "--no-config", "-c", script).splitlines()}
    assert {*completed} <= found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_is_valid_for_its_shell(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    assert output_of(shell, "-n", ROOT / "share" / shell_files.COMPLETIONS[shell]) == ""


def test_bash_completes_processes_that_listen(tmp_path: Path) -> None:
    script = BASH.format(words="spprof top ''")
    variables = {**os.environ, "SPPROF": "listen", "XDG_RUNTIME_DIR": str(tmp_path)}
    tmp_path.chmod(0o700)
    program = "import sys; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stdin
        running.stdout.readline()
        shown = output_of("env", f"XDG_RUNTIME_DIR={tmp_path}", "bash", "--norc", "-c", script)
        running.stdin.close()
        running.wait(60)
    assert shown.split() == [str(running.pid)]
