"""The two Rust manglings. The names come from a compiler, except those that no compiler would produce."""

from __future__ import annotations

import pytest
from spprof.symbolize.demangle import readable
from spprof.symbolize.rust import decoded

CRATE = "Cs4Q2Qx8jI5j6_1a"  # crate a, with its disambiguator

NEWER = {
    # Paths
    f"_RNv{CRATE}7dynamic": "a::dynamic",
    "_RNvC1a4main": "a::main",
    "_RNvNvNtCsgEmfK2I1SDS_4core3ptr7replace18precondition_check": "core::ptr::replace::precondition_check",
    f"_RNCNv{CRATE}5entry0B3_": "a::entry::{closure#0}",
    f"_RNCNv{CRATE}5entrys2_0B3_": "a::entry::{closure#4}",
    "_RNCNKNvNvMNtNtCsjrHSEGnQ3l9_3std4hash6randomNtB8_11RandomState3new4KEYS0s_0Cs4Q2Qx8jI5j6_1a": (
        "<std::hash::random::RandomState>::new::KEYS::{K#0}::{closure#1}"
    ),
    "_RNSNvYNCNvCs4Q2Qx8jI5j6_1a5entry0INtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceTReEE9call_once6vtableB8_": (
        "<a::entry::{closure#0} as core::ops::function::FnOnce<(&str,)>>::call_once::{shim:vtable#0}"
    ),
    # Implementations
    f"_RNvMs_NtNt{CRATE}5outer5innerINtB4_6SquarefE3newB8_": "<a::outer::inner::Square<f32>>::new",
    f"_RNvXNtNt{CRATE}5outer5innerINtB2_6SquarehENtB2_5Shape4areaB6_": (
        "<a::outer::inner::Square<u8> as a::outer::inner::Shape>::area"
    ),
    f"_RINvYINtNtNt{CRATE}5outer5inner6SquarehENtB6_5Shape4makejEBa_": (
        "<a::outer::inner::Square<u8> as a::outer::inner::Shape>::make::<usize>"
    ),
    "_RNvXs1g_NtCsgEmfK2I1SDS_4core3fmtRReNtB6_5Debug3fmtCs4Q2Qx8jI5j6_1a": "<&&str as core::fmt::Debug>::fmt",
    "_RNvMNtNtCsgEmfK2I1SDS_4core3ptr9const_ptrPu13is_aligned_to": "<*const ()>::is_aligned_to",
    # Types
    f"_RINv{CRATE}8generic2jEB2_": "a::generic2::<usize>",
    f"_RINv{CRATE}8generic2POhEB2_": "a::generic2::<*const *mut u8>",
    f"_RINv{CRATE}8generic2ThsReQSnuEEB2_": "a::generic2::<(u8, i16, &str, &mut [i128], ())>",
    f"_RINv{CRATE}8generic2AAhj2_j3_EB2_": "a::generic2::<[[u8; 2]; 3]>",
    f"_RINv{CRATE}8generic2FG_RL0_hERL0_hEB2_": "a::generic2::<for<'a> fn(&'a u8) -> &'a u8>",
    f"_RINv{CRATE}8generic2FUKClElEB2_": 'a::generic2::<unsafe extern "C" fn(i32) -> i32>',
    f"_RINv{CRATE}8generic2FK13system_unwindEuEB2_": 'a::generic2::<extern "system-unwind" fn()>',
    f"_RINv{CRATE}8generic2FG0_RL1_hRL0_hEuEB2_": "a::generic2::<for<'a, 'b> fn(&'a u8, &'b u8)>",
    f"_RINv{CRATE}8generic2FlvEzEB2_": "a::generic2::<fn(i32, ...) -> !>",
    f"_RINv{CRATE}8generic2L_abcdefhilmnopstxyEB2_": (
        "a::generic2::<'_, i8, bool, char, f64, str, f32, u8, isize, i32, u32, i128, u128, _, i16, u16, i64, u64>"
    ),
    "_RNvXsm_NtCslNYArtu3iFV_5alloc5boxed"
    "INtB5_3BoxDNtNtCsgEmfK2I1SDS_4core3fmt7DisplayNtNtBM_6marker4SendEL_EBI_3fmt": (
        "<alloc::boxed::Box<dyn core::fmt::Display + core::marker::Send> as core::fmt::Display>::fmt"
    ),
    f"_RINv{CRATE}8generic2DNtC4core8Iteratorp4ItemmEL_EB2_": "a::generic2::<dyn core::Iterator<Item = u32>>",
    f"_RINv{CRATE}8generic2DG_INtC4core2FnTRL0_hEEp6OutputRL0_hEL_EB2_": (
        "a::generic2::<dyn for<'a> core::Fn<(&'a u8,), Output = &'a u8>>"
    ),
    # Constants
    f"_RINv{CRATE}7genericReKj0_EB2_": "a::generic::<&str, 0>",
    f"_RINv{CRATE}5charsKce4_Kb1_Kxn11_EB2_": "a::chars::<'ä', true, -17>",
    f"_RINv{CRATE}5charsKc22_Kb0_Kxn8000000000000000_EB2_": "a::chars::<'\"', false, -9223372036854775808>",
    f"_RINv{CRATE}1fKe68656c6c6f_KpEB2_": 'a::f::<"hello", _>',
    f"_RINv{CRATE}1fKRAj1_j2_ETj3_EKTj1_b0_EEB2_": None,  # a tuple where only a type or a constant is permitted
    f"_RINv{CRATE}1fKRAj1_j2_EKTj1_b0_EKVUNvB2_4NoneKVTNvB2_4Somej5_EKVSNvB2_5Point1xj1_1yj2_EEB2_": (
        "a::f::<&[1, 2], (1, false), a::None, a::Some(5), a::Point { x: 1, y: 2 }>"
    ),
    # Names with non-ASCII characters
    f"_RNv{CRATE}u9gre_6ka8i": "a::größe",
    f"_RINv{CRATE}u7_1lqs71djEB2_": "a::東京::<usize>",
    # Suffixes
    f"_RNv{CRATE}7dynamic.llvm.1234567890": "a::dynamic",
    f"_RNv{CRATE}7dynamic$tlv$init": "a::dynamic",
}

OLDER = {
    "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE": "core::fmt::Formatter::pad",
    "_ZN9hashbrown3raw21RawIterRange$LT$T$GT$4next17h26cff3cf28da66e7E": "hashbrown::raw::RawIterRange<T>::next",
    "_ZN1a5entry28_$u7b$$u7b$closure$u7d$$u7d$17h80c53c8e5482afdfE": "a::entry::{{closure}}",
    "_ZN50_$LT$T$u20$as$u20$core..convert..Into$LT$U$GT$$GT$4into17h0123456789abcdefE": (
        "<T as core::convert::Into<U>>::into"
    ),
    "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE": "<&T as core::fmt::Debug>::fmt",
    "_ZN1a15_$u6771$$u4eac$17hd04526be07836385E": "a::東京",
    "_ZN3foo17h05af221e174051e9E": "foo",
    "_ZN1a8$LP$$RP$3f$C$g$BP$17h0123456789abcdefE": None,  # lengths that do not add up
}

NOT_RUST = [
    "",
    "_R",
    "_ZN",
    "_Z",
    "main",
    "_RNvC1a",
    "_RNvC1a9main",
    "_RNvB_4main",  # refers to itself
    "_RINvC1a4mainBd_hE",  # refers to a later position
    "_RINvC1a4mainBz_E",
    "_RNvC1a4mainX",
    "_RINvC1a4mainRL0_hE",  # an unbound lifetime
    "_RINvC1a4mainFGzzzzzzzzzzzzz_EuE",
    "_RINvC1a4mainKxff",
    "_RNvC1au3_\xff\xfe4main",
    "_RNvC99999999999999999999a4main",
    "_RNvC1as99999999999999999999999_4main",
    "_ZN2ns1fEi",  # C++
    "_ZN2ns1f17h0123456789abcdeE",
    "_ZN17h0123456789abcdefE",
    "_ZN99a17h0123456789abcdefE",
]


@pytest.mark.parametrize(("mangled", "expected"), [*NEWER.items(), *OLDER.items()], ids=str)
def test_names_read_as_they_were_written(mangled: str, expected: str | None) -> None:
    assert decoded(mangled) == expected


@pytest.mark.parametrize("name", NOT_RUST, ids=repr)
def test_what_is_no_name_of_rusts_is_left_to_others(name: str) -> None:
    assert decoded(name) is None


@pytest.mark.parametrize("mangled", [name for name, expected in NEWER.items() if expected], ids=str)
def test_a_name_cut_anywhere_or_with_a_wrong_letter_does_no_harm(mangled: str) -> None:
    for at in range(len(mangled)):
        decoded(mangled[:at])
        for letter in "BEINTKFDGLs_09zZ":
            decoded(mangled[:at] + letter + mangled[at + 1 :])


def test_nesting_without_end_is_refused() -> None:
    assert decoded("_RIC1f" + "R" * 90 + "hE") == "f::<" + "&" * 90 + "u8>"
    assert decoded("_RIC1f" + "R" * 110 + "hE") is None
    assert decoded("_RIC1f" + "R" * 5000 + "hE") is None


def tuples_of_the_one_before_twice(depth: int) -> str:
    mangled, last = "_RIC1fTlE", 6
    for _ in range(depth):
        reference = f"B{base_62(last - len('_R'))}"
        last = len(mangled)
        mangled += f"T{reference}{reference}E"
    return mangled + "E"


def base_62(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    high, low = divmod(number - 1, 62)
    return (digits[high] if high else "") + digits[low] + "_"


def test_growth_without_bounds_is_refused() -> None:
    assert (
        decoded(tuples_of_the_one_before_twice(2))
        == "f::<(i32,), ((i32,), (i32,)), (((i32,), (i32,)), ((i32,), (i32,)))>"
    )
    assert decoded(tuples_of_the_one_before_twice(40)) is None


def test_the_older_mangling_goes_before_cplusplus_whose_names_begin_alike() -> None:
    assert readable("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.77") == "core::fmt::Formatter::pad"
    assert readable("_RNvC1a4main") == "a::main"
    assert readable("_RNvC1a9main") == "_RNvC1a9main"
