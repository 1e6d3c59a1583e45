"""C++ names as people say them: which function, without what it takes and returns.

    void ns::Table<int>::insert<char>(int, char) const    ns::Table<int>::insert<char>
    main::{lambda(int)#1}::operator()(int) const          main::{lambda(int)#1}::operator()

The text comes from a demangler, which writes all of a declaration. What is a bracket and what is an operator's name,
what is a scope's parameter list and what is the function's own, is told by what stands around it.
"""

from __future__ import annotations

import re

_OPERATOR = re.compile(
    r"operator(?P<sign>\(\)|\[\]|<=>|->\*?|<<=?|>>=?|&&|\|\||\+\+|--|,|[-+*/%^&|~!=<>]=?)"
    r"|operator(?P<word> (?:new|delete)(?:\[\])?| co_await|\"\" ?\w+)"
    r"|operator(?P<type> )"
)
_QUALIFIERS = re.compile(r"(?: const\b| volatile\b| &&?| noexcept\b| requires .*|\[abi:\w+\]| ?\[clone [^]]*\])*")
_OPENING, _CLOSING = "([{<", ")]}>"

_SPELLINGS = (
    ("std::__cxx11::", "std::"),
    ("std::__1::", "std::"),
    ("std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"),
)


def without_signature(demangled: str) -> str:
    """The function's name with its scopes and template arguments, of a demangled declaration."""
    text = demangled
    for long, short in _SPELLINGS:
        text = text.replace(long, short)
    return _name(text).replace("> >", ">>").replace("> >", ">>") or demangled


def _name(text: str) -> str:
    name = ""
    at = 0
    while at < len(text):
        operator = _OPERATOR.match(text, at) if _begins_word(text, at) else None
        if operator is not None:
            end = _operator_end(text, operator)
            name += text[at:end]
        elif text.startswith("(anonymous namespace)", at):
            end = at + len("(anonymous namespace)")
            name += text[at:end]
        elif text[at] == "(":
            end = _closing(text, at)
            if text[end : end + 1] == "(" or text[at + 1 : at + 2] in ("*", "&"):
                return _name(re.sub(r"^[^(<]*?[*&]+", "", text[at + 1 : end - 1]))  # it returns a pointer to a function
            end = _QUALIFIERS.match(text, end).end()  # type: ignore[union-attr]
            if end < len(text) and not text.startswith("::", end):
                name = ""  # decltype(…): it was the result's type
        elif text[at] == "[":
            end = _closing(text, at)
        elif text[at] in "{<":
            end = _closing(text, at)
            name += text[at:end]
        elif text[at] == " ":
            end = at + 1
            name = ""  # what stands before is the result's type, or "virtual thunk to"
        else:
            end = at + 1
            name += text[at]
        at = end
    return name


def _begins_word(text: str, at: int) -> bool:
    return text.startswith("operator", at) and not (at and (text[at - 1].isalnum() or text[at - 1] == "_"))


def _operator_end(text: str, operator: re.Match[str]) -> int:
    """Where the operator's name ends, its template arguments included."""
    end = operator.end()
    if operator["type"]:
        end = _conversion_end(text, end)
    elif text.startswith(" <", end):
        end += 1
    return _closing(text, end) if text.startswith("<", end) else end


def _conversion_end(text: str, at: int) -> int:
    """A conversion takes nothing: its type ends where "()" stands."""
    while at < len(text) and not (text.startswith("()", at) and not text.startswith("()(", at)):
        at = _closing(text, at) if text[at] in _OPENING else at + 1
    return at


def _closing(text: str, start: int) -> int:
    """Behind the bracket that closes the one at ``start``; the end of the text if there is none."""
    open_brackets: list[str] = []
    at = start
    while at < len(text):
        operator = _OPERATOR.match(text, at) if _begins_word(text, at) else None
        if operator is not None:
            at = operator.end()
            continue
        character = text[at]
        if character in _OPENING:
            open_brackets.append(character)
        elif character in _CLOSING:
            opening = _OPENING[_CLOSING.index(character)]
            if character != ">":
                while open_brackets and open_brackets[-1] == "<" != opening:
                    open_brackets.pop()  # it was "less than"
            if open_brackets and open_brackets[-1] == opening:  # else it is "greater than", or the end of an arrow
                open_brackets.pop()
        at += 1
        if not open_brackets:
            return at
    return len(text)
