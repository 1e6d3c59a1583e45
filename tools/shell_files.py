"""Writes the man page and the completions for shells, from the parsers of the command line.

    python tools/shell_files.py             make shell-files

These files are committed, so that building the package needs none of the tools that write them. A test compares them.
"""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARE = ROOT / "share"

MAN = "man/man1/spprof.1"
COMPLETIONS = {
    "bash": "bash-completion/completions/spprof",
    "zsh": "zsh/site-functions/_spprof",
    "fish": "fish/vendor_completions.d/spprof.fish",
}

_PIDS = {
    "bash": "_spprof_pids",
    "zsh": "_spprof_pids",
    "fish": "(spprof ps 2>/dev/null | string match -r '^ *[0-9]+' | string trim)",
}
"""Shell code that completes the id of a listening process."""

_PIDS_PREAMBLE = {
    "bash": "_spprof_pids() {\n"
    '  compgen -W "$(spprof ps 2>/dev/null | sed -n \'s/^ *\\([0-9][0-9]*\\) .*/\\1/p\')" -- "$1"\n'
    "}\n",
    "zsh": "_spprof_pids() {\n"
    "  local -a pids\n"
    "  pids=(${(f)\"$(spprof ps 2>/dev/null | sed -n 's/^ *\\([0-9][0-9]*\\) .*/\\1/p')\"})\n"
    "  compadd -a pids\n"
    "}\n",
}

_OPTIONS = '.RI [ option " ...]"'
_ARGUMENTS = '.RI [ argument " ...]"'
_PROGRAM = '.RI ( script.py " | \\fB\\-m\\fR " module " | \\fB\\-c\\fR " code " | \\fB\\-\\fR | " command )'

_ENVIRONMENT = (
    ("SPPROF", "starts the profilers in each Python process that finds it: heap=512,cpu=10,out=profiles/,every=60"),
    ("SPPROF=off", "keeps the profilers from starting, whatever a program asks for"),
    ("SPPROF_EXPERIMENTAL=macos", "lets the profilers start on macOS, where spprof is experimental"),
    ("SPPROF_TOKEN", "the token of HTTP requests over TCP; without it one is drawn and printed"),
    ("NO_COLOR", "no colours in a terminal"),
)
_FILES = (
    ("spprof-PROGRAM.PID.pb.gz", "a heap profile, in the current folder unless -o names another place"),
    ("spprof-PROGRAM.PID.cpu.pb.gz", "a CPU profile"),
    ("$XDG_RUNTIME_DIR/spprof/PID.sock", "the socket of a process that listens; /tmp/spprof-UID without that folder"),
)
_STATUS = (
    ("0", "success"),
    ("1", "a file cannot be read or written, or a process cannot be asked"),
    ("2", "bad usage"),
)


# ---- The parsers


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb."""
    from spprof.cli import main, run

    parsers = {}
    for verb in main.VERBS:
        module = import_module(f"spprof.cli.{verb.replace('-', '_')}")
        parsers[verb] = run._parser() if verb == "run" else main.parser_of(verb, module)
    return parsers


def root(parsers: dict[str, argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Return a parser that has the verbs as subcommands, with the completion of each argument."""
    import shtab
    from spprof.cli.main import VERBS

    parser = argparse.ArgumentParser(prog="spprof", description="A sampling profiler of heap and CPU time for Python.")
    parser.add_argument("--version", action="version", version="", help="show the version and exit")
    subcommands = parser.add_subparsers(metavar="VERB")
    for verb, of_verb in parsers.items():
        subcommands.add_parser(verb, help=VERBS[verb])
        of_verb.description = VERBS[verb]
        if verb == "run":
            of_verb.add_argument("program", nargs="?", help="a script or a command")
            of_verb.add_argument("arguments", nargs="*", help="of the program")
        for action in of_verb._actions:
            names = f"{action.metavar or ''} {action.dest}"
            if action.dest == "pid":
                action.complete = _PIDS  # type: ignore[attr-defined]
            elif action.dest in ("program", "arguments") or re.search(r"FILE|FOLDER|OLD|NEW|DIR", names):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        subcommands.choices[verb] = of_verb
    return parser


# ---- Completions


def completion(shell: str) -> str:
    """Return the completion for a shell."""
    import shtab

    written: str = shtab.complete(root(verbs()), shell, preamble=_PIDS_PREAMBLE.get(shell, ""))
    return "\n".join(line.rstrip() for line in written.rstrip().splitlines()) + "\n"


# ---- The man page


def man_page() -> str:
    """Return the man page, in the language of man(7)."""
    from spprof.cli.main import VERBS

    parsers = verbs()
    lines = ['.TH SPPROF 1 "" "spprof" "User Commands"', ".SH NAME"]
    lines += ["spprof \\- sampling profiler of heap and CPU time for Python", ".SH SYNOPSIS"]
    lines += [".B spprof", ".I VERB", _OPTIONS, _ARGUMENTS, ".br"]
    lines += [".B spprof", ".B \\-\\-version", ".SH DESCRIPTION"]
    lines += [
        "spprof samples heap allocations and the CPU time of every thread, and shows which lines hold live memory and",
        "which lines use the time. Estimates come with their 95 % interval. Profiles are pprof files.",
    ]
    lines += [".SH VERBS"]
    for verb in parsers:
        lines += [".TP", f".B {escaped(verb)}", escaped(VERBS[verb])]
    for verb, parser in parsers.items():
        lines += _section_of(verb, parser)
    for title, rows in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES), ("EXIT STATUS", _STATUS)):
        lines += [f".SH {title}" if " " not in title else f'.SH "{title}"']
        for name, text in rows:
            lines += [".TP", f".B {escaped(name)}", escaped(text)]
    lines += [".PP", "The status of", ".B spprof run", "is that of the program.", ".SH SEE ALSO"]
    lines += [".BR python3 (1)"]
    return "\n".join(lines) + "\n"


def _section_of(verb: str, parser: argparse.ArgumentParser) -> list[str]:
    positional = [action for action in parser._actions if not action.option_strings]
    options = [action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS]
    lines = [f'.SH "SPPROF {escaped(verb.upper())}"', f".B spprof {escaped(verb)}"]
    if verb == "run":
        lines += [_OPTIONS, _PROGRAM]
        lines += [_ARGUMENTS]
    else:
        lines += [_OPTIONS]
        lines += [f".I {escaped(_value(action))}" for action in positional]
    lines += [".PP", escaped(str(parser.description))]
    for action in [*positional, *options]:
        lines += [".TP", _named(action), escaped(_help(action, parser))]
    examples = re.findall(r"^  (\S.*)\n      (\S.*)$", parser.epilog or "", re.MULTILINE)
    if examples:
        lines += [".PP", "Examples:"]
    for command, what in examples:
        lines += [".TP", f".B {escaped(command)}", escaped(what)]
    return lines


def _named(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return f".I {escaped(value)}"
    takes = "" if action.nargs == 0 else f" \\fI{escaped(value)}\\fR"
    return ", ".join(f"\\fB{escaped(name)}\\fR{takes}" for name in action.option_strings)


def _value(action: argparse.Action) -> str:
    """Return the notation for an action's value: FILE, FILE..., [MS], {live,peak}."""
    if action.metavar is not None:
        name = str(action.metavar)
    elif action.choices is not None:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        name = action.dest.upper() if action.option_strings else action.dest
    return {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def escaped(text: str) -> str:
    """Return text escaped so that man(7) shows it unchanged."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return re.sub(r"^([.'])", r"\\&\1", text)


# ---- Writing


def written() -> dict[str, str]:
    """Return the content of each file of ``share``, keyed by its path there."""
    return {MAN: man_page(), **{path: completion(shell) for shell, path in COMPLETIONS.items()}}


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("the tools for completions need Python 3.11 or newer: make shell-files PYTHON=python3.11")
    for name, text in written().items():
        path = SHARE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"share/{name}")


if __name__ == "__main__":
    main()
