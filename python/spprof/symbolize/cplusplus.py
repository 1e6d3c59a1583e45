"""C++ names as people write them: the function's name, without its parameters and result type.

    void ns::Table<int>::insert<char>(int, char) const    ns::Table<int>::insert<char>
    main::{lambda(int)#1}::operator()(int) const          main::{lambda(int)#1}::operator()

The text comes from a demangler, which writes whole declarations. The surrounding text determines whether a character is
a bracket or part of an operator's name, and whether a parameter list belongs to a scope or to the function itself.
"""

from __future__ import annotations

_OPERATOR = "operator"
_OPERATOR_NAMES = (
    *("->*", "<=>", "<<=", ">>=", "()", "[]", "->", "<<", ">>", "&&", "||", "++", "--", ","),
    *(f"{sign}{behind}" for behind in ("=", "") for sign in "-+*/%^&|~!=<>"),
    *(" new[]", " delete[]", " new", " delete", " co_await"),
)
"""If one operator is a prefix of another, the longer one comes first."""

_QUALIFIER_WORDS = (" const", " volatile", " noexcept")
_OPENING, _CLOSING = "([{<", ")]}>"

_SPELLINGS = (
    ("std::__cxx11::", "std::"),
    ("std::__1::", "std::"),
    ("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"),
)


def without_signature(demangled: str) -> str:
    """Return the function's name with its scopes and template arguments, from a demangled declaration."""
    text = demangled
    for long, short in _SPELLINGS:
        text = text.replace(long, short)
    return _name(text).replace("> >", ">>").replace("> >", ">>") or demangled


def _name(text: str) -> str:
    name = ""
    at = 0
    while at < len(text):
        operator_end = _operator_end(text, at)
        if operator_end:
            end = _whole_operator_end(text, at, operator_end)
            name += text[at:end]
        elif text.startswith("(anonymous namespace)", at):
            end = at + len("(anonymous namespace)")
            name += text[at:end]
        elif text[at] == "(":
            end = _closing(text, at)
            if text[end : end + 1] == "(" or text[at + 1 : at + 2] in ("*", "&"):
                return _name(_behind_stars(text[at + 1 : end - 1]))  # the function returns a pointer to a function
            end = _qualifiers_end(text, end)
            if end < len(text) and not text.startswith("::", end):
                name = ""  # decltype(…): the text so far was the result type
        elif text[at] == "[":
            end = _closing(text, at)
        elif text[at] in "{<":
            end = _closing(text, at)
            name += text[at:end]
        elif text[at] == " ":
            end = at + 1
            name = ""  # the text before it is the result type, or "virtual thunk to"
        else:
            end = at + 1
            name += text[at]
        at = end
    return name


def _in_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def _word_end(text: str, at: int) -> int:
    while _in_word(text, at):
        at += 1
    return at


def _operator_end(text: str, at: int) -> int:
    """Return the end of the operator name that begins at ``at``. For a conversion, return the end of the space after
    "operator". 0: there is none.
    """
    if not text.startswith(_OPERATOR, at) or _in_word(text, at - 1):
        return 0
    at += len(_OPERATOR)
    for name in _OPERATOR_NAMES:
        if text.startswith(name, at):
            return at + len(name)
    if text.startswith('""', at):  # a literal operator: operator"" _km
        begin = at + (3 if text.startswith(" ", at + 2) else 2)
        end = _word_end(text, begin)
        return end if end > begin else 0
    return at + 1 if text.startswith(" ", at) else 0


def _behind_stars(text: str) -> str:
    """Return a declaration without the part up to its leading stars: ``Type::*name`` is ``name``."""
    first = next((at for at, character in enumerate(text) if character in "*&(<"), len(text))
    return text[first:].lstrip("*&") if text[first : first + 1] in ("*", "&") else text


def _qualifiers_end(text: str, at: int) -> int:
    """Return the end of the qualifiers that follow a parameter list."""
    while True:
        word = next((one for one in _QUALIFIER_WORDS if text.startswith(one, at)), "")
        if word and not _in_word(text, at + len(word)):
            at += len(word)
        elif text.startswith(" &", at):
            at += 3 if text.startswith("&", at + 2) else 2
        elif text.startswith(" requires ", at):
            at = len(text)
        elif text.startswith("[abi:", at) and text.startswith("]", _word_end(text, at + 5)) and _in_word(text, at + 5):
            at = _word_end(text, at + 5) + 1
        else:
            clone = at + text.startswith(" ", at)
            end = text.find("]", clone) if text.startswith("[clone ", clone) else -1
            if end < 0:
                return at
            at = end + 1


def _whole_operator_end(text: str, at: int, end: int) -> int:
    """Return the end of the operator's name, including its template arguments."""
    if text[at:end] == f"{_OPERATOR} ":
        end = _conversion_end(text, end)
    elif text.startswith(" <", end):
        end += 1
    return _closing(text, end) if text.startswith("<", end) else end


def _conversion_end(text: str, at: int) -> int:
    """Return the end of a conversion's type. A conversion has no parameters, so its type ends at "()"."""
    while at < len(text) and not (text.startswith("()", at) and not text.startswith("()(", at)):
        at = _closing(text, at) if text[at] in _OPENING else at + 1
    return at


def _closing(text: str, start: int) -> int:
    """Return the index after the bracket that closes the one at ``start``; the end of the text if none does."""
    open_brackets: list[str] = []
    at = start
    while at < len(text):
        operator_end = _operator_end(text, at)
        if operator_end:
            at = operator_end
            continue
        character = text[at]
        if character in _OPENING:
            open_brackets.append(character)
        elif character in _CLOSING:
            opening = _OPENING[_CLOSING.index(character)]
            if character != ">":
                while open_brackets and open_brackets[-1] == "<" != opening:
                    open_brackets.pop()  # it meant "less than"
            if open_brackets and open_brackets[-1] == opening:  # otherwise "greater than", or the end of an arrow
                open_brackets.pop()
        at += 1
        if not open_brackets:
            return at
    return len(text)
