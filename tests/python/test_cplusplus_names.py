"""C++ names without parameter and return types."""

from __future__ import annotations

import pytest
from spprof import _engine
from spprof.symbolize.cplusplus import without_signature
from spprof.symbolize.demangle import readable

NAMES = {
    "void ns::Table<int>::insert<char>(int, char) const": "ns::Table<int>::insert<char>",
    "main::{lambda(int)#1}::operator()(int) const": "main::{lambda(int)#1}::operator()",
    "ns::f(int)::{lambda(auto:1)#1}::operator()<int>(int) const": "ns::f::{lambda(auto:1)#1}::operator()<int>",
    "auto main::{lambda(auto:1)#1}::operator()<int>(int) const": "main::{lambda(auto:1)#1}::operator()<int>",
    "bool operator< <int>(A<int> const&, A<int> const&)": "operator< <int>",
    "std::ostream& operator<< <std::traits<char> >(std::ostream&, char const*)": "operator<< <std::traits<char>>",
    "A::operator int() const": "A::operator int",
    "A::operator std::vector<int, std::allocator<int> >()": "A::operator std::vector<int, std::allocator<int>>",
    "A::operator void (*)(int)() const": "A::operator void (*)(int)",
    "A::operator T<int>() &&": "A::operator T<int>",
    "(anonymous namespace)::Pool::take(unsigned long)": "(anonymous namespace)::Pool::take",
    "void (*ns::pick<int>(int))(char)": "ns::pick<int>",
    "int (&ns::row<3>())[3]": "ns::row<3>",
    "void (ns::A::*ns::member<int>(int))(char) const": "ns::member<int>",
    "decltype(auto) ns::forward<int>(int)": "ns::forward<int>",
    "decltype ((a)->b(c)) ns::call<X, (Color)1>(X)": "ns::call<X, (Color)1>",
    "operator new(unsigned long)": "operator new",
    "operator new[](unsigned long, std::nothrow_t const&)": "operator new[]",
    "operator delete[](void*)": "operator delete[]",
    "A::operator new(unsigned long)": "A::operator new",
    'ns::operator""_km(long double)': 'ns::operator""_km',
    'operator"" _km(long double)': 'operator"" _km',
    "non-virtual thunk to ns::B::f(int)": "ns::B::f",
    "std::enable_if<(4)>(3), int>::type ns::g<int>(int)": "ns::g<int>",
    "ns::Map<(1>2), &(ns::operator<(int, int))>::at(int)": "ns::Map<(1>2), &(ns::operator<(int, int))>::at",
    "std::function<void (int)>::operator()(int) const": "std::function<void (int)>::operator()",
    "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
    "::_M_create(unsigned long&, unsigned long)": "std::string::_M_create",
    "ns::name[abi:cxx11](int)": "ns::name",
    "ns::f(int) [clone .cold]": "ns::f",
    "A::operator->() const": "A::operator->",
    "A::operator->*(int)": "A::operator->*",
    "A::operator()(int)::{lambda()#2}::operator()() const": "A::operator()::{lambda()#2}::operator()",
    "A::operator[](int)": "A::operator[]",
    "A::operator<=>(A const&) const": "A::operator<=>",
    "A::operator,(B)": "A::operator,",
    "main::'lambda'(int)::operator()(int) const": "main::'lambda'::operator()",
    "A::f() const::{lambda()#1}::operator()() const": "A::f::{lambda()#1}::operator()",
    "operatorial::f(int)": "operatorial::f",
    "my_operator(int)": "my_operator",
    "my_operator()::{lambda()#1}::operator()() const": "my_operator::{lambda()#1}::operator()",
    "long std::_Hash<std::pair<int const, int> >::count(int) const": "std::_Hash<std::pair<int const, int>>::count",
    "guard variable for x": "x",
    "f": "f",
    "A::~A()": "A::~A",
    "A::operator bool() const::{lambda()#1}::operator()() const": "A::operator bool::{lambda()#1}::operator()",
    "void f<int>(int) requires C<int>": "f<int>",
    "A<char>::f(void (*)(int))": "A<char>::f",
    "f(int A::*)": "f",
    "B<&A::f>::g()": "B<&A::f>::g",
    "void std::vector<int>::emplace_back<int>(int&&) &": "std::vector<int>::emplace_back<int>",
    "A::operator unsigned long<int>()": "A::operator unsigned long<int>",
    "f(decltype(nullptr))": "f",
    "X<decltype(nullptr)>::f()": "X<decltype(nullptr)>::f",
    "X<{lambda()#1}>::f()": "X<{lambda()#1}>::f",
    "int&& std::forward<int>(std::remove_reference<int>::type&)": "std::forward<int>",
    "ns::{unnamed type#1}::f()": "ns::{unnamed type#1}::f",
}

MANGLED = {
    "_ZN2ns5TableIiE6insertIcEEviT_": "ns::Table<int>::insert<char>",
    "_ZN2ns5TableIiE6insertIcEEviT_.constprop.0": "ns::Table<int>::insert<char>",
    "_ZN12_GLOBAL__N_14Pool4takeEm.part.1.cold": "(anonymous namespace)::Pool::take",
    "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createERmm": "std::string::_M_create",
    "_Znwm": "operator new",
    "_ZlsRSoRK1A": "operator<<",
    "_ZNK1AcvbEv": "A::operator bool",
    "_ZZ4mainENKUliE_clEi": "main::{lambda(int)#1}::operator()",
    "_ZThn16_N2ns1B1fEi": "ns::B::f",
    "_ZZN1A4workEvE1x._omp_fn.2": "A::work::x._omp_fn.2",
}

PLAIN = {
    "list_sort_impl": "list_sort_impl",
    "list_sort_impl.constprop.0": "list_sort_impl",
    "list_sort_impl.isra.0.part.3": "list_sort_impl",
    "list_sort_impl.lto_priv.0.cold": "list_sort_impl",
    "memcpy@@GLIBC_2.14": "memcpy",
    "write.localalias": "write",
    "helper.llvm.1234567890": "helper",
    "compute._omp_fn.0": "compute._omp_fn.0",  # not a clone: the body of a parallel loop
    ".plt": ".plt",
    "@@": "@@",
    "_Z": "_Z",
    "_Zfoo": "_Zfoo",
}


@pytest.mark.parametrize(("demangled", "expected"), NAMES.items(), ids=str)
def test_signatures_are_left_out(demangled: str, expected: str) -> None:
    assert without_signature(demangled) == expected


@pytest.mark.parametrize("demangled", NAMES, ids=str)
def test_a_text_cut_anywhere_ends_in_some_name(demangled: str) -> None:
    for at in range(1, len(demangled)):
        assert without_signature(demangled[:at])


@pytest.mark.parametrize("text", ["(", ")", "<", "operator", "operator ", "operator<", "f(", "((((", "f(*)(", "(*)("])
def test_what_is_no_declaration_stays_or_shrinks(text: str) -> None:
    assert without_signature(text) in (text, "f", "operator", "operator ", "operator<")


@pytest.mark.parametrize(("name", "expected"), PLAIN.items(), ids=str)
def test_clones_of_one_function_read_the_same(name: str, expected: str) -> None:
    assert readable(name) == expected


@pytest.mark.skipif(_engine.demangle("_Z1fv") is None, reason="there is no C++ runtime library")
@pytest.mark.parametrize(("mangled", "expected"), MANGLED.items(), ids=str)
def test_mangled_names_read_as_a_person_writes_them(mangled: str, expected: str) -> None:
    assert readable(mangled) == expected


def test_without_a_demangler_the_name_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "demangle", lambda name: None)
    assert readable("_ZN2ns1fEi.cold") == "_ZN2ns1fEi"
