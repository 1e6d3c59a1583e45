"""Decides which native frames are informative. The others are omitted from displayed stacks, but never from the
recorded data.

    as recorded, leaf first                       as shown
    _PyObject_GC_New    an allocator's layer
    PyList_New                                    PyList_New
    list_repeat                                   list_repeat
    f                   Python                    f
    _PyEval_Vector      how the call was made
    key                 C, from another module    key
    _PyObject_MakeTpCall
    builtin_sorted                                builtin_sorted
    <module>            Python                    <module>
    PyEval_EvalCode     how the program was
    Py_BytesMain        started
    main

Only frames of the interpreter, and of the C library's code that starts threads and programs, are omitted, and only if
their names are listed below. A function of another module that has one of these names is kept, and a stack without any
Python frame keeps all of its frames. The names are those of CPython 3.9 to 3.15. A build may lack some of them,
depending on which functions its compiler inlined.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spprof.results import Frame


Home = str
"""The kind of code in a module."""

INTERPRETER, LIBC, OTHER = "interpreter", "libc", "other"
LAUNCHER = "launcher"
"""The program python3 if the interpreter is a library. It contains nothing but a main()."""

Role = str
"""The treatment of a frame in a stack that has a Python frame: one letter, so that a stack's roles form a string."""

PYTHON = "P"
TELLING = "t"
"""Shown."""
CALLING = "c"
"""Omitted: how one function came to call the next."""
ALLOCATING = "a"
"""Omitted at the leaf: the layer of the allocator that made the request."""
STARTING = "s"
"""Omitted if all frames between it and the outermost Python frame are of this kind: how the program was started."""
SYSTEM = "y"
"""Omitted at the root: the C library's startup code. Most of it has no name in stripped libraries."""
ENTRY = "e"
"""Omitted at the root before SYSTEM: the point at which the kernel enters a program."""


# ---- The table

_EVALUATION = """
    _PyEval_EvalFrameDefault _PyEval_EvalFrame PyEval_EvalFrame PyEval_EvalFrameEx _PyEval_Vector _PyEval_EvalCode
    _PyEval_EvalCodeWithName PyEval_EvalCodeEx PyEval_EvalCode function_code_fastcall run_eval_code_obj run_mod
    _PyFunction_Vectorcall _PyFunction_FastCallDict _PyFunction_FastCallKeywords
    _PyEvalFramePushAndInit _PyEvalFramePushAndInit_Ex _PyEvalFrameClearAndPop _PyEval_FrameClearAndPop
    _PyFrame_Clear _PyFrame_ClearExceptCode _PyFrame_ClearLocals clear_thread_frame clear_gen_frame
    PyRun_String PyRun_StringFlags _PyRun_StringFlagsWithName _PyJIT_Entry
"""
"""The loop that runs Python code, and the functions that enter and leave it, including exec(). Python frames replace
them.
"""

_CALLS = """
    PyObject_Call _PyObject_Call PyObject_CallObject PyObject_CallNoArgs _PyObject_CallNoArgs PyObject_CallOneArg
    PyObject_CallFunction _PyObject_CallFunction _PyObject_CallFunction_SizeT _PyObject_CallFunctionVa
    PyObject_CallFunctionObjArgs PyObject_CallMethod _PyObject_CallMethod _PyObject_CallMethod_SizeT
    _PyObject_CallMethodFormat _PyObject_CallMethodId _PyObject_CallMethodId_SizeT PyObject_CallMethodObjArgs
    _PyObject_CallMethodIdObjArgs _PyObject_Call_Prepend _PyObject_FastCall _PyObject_FastCallDict
    _PyObject_FastCallDictTstate _PyObject_MakeTpCall PyObject_Vectorcall _PyObject_Vectorcall
    _PyObject_VectorcallTstate PyObject_VectorcallDict _PyObject_VectorcallDictTstate PyObject_VectorcallMethod
    PyVectorcall_Call _PyVectorcall_Call PyCFunction_Call PyEval_CallFunction PyEval_CallMethod
    PyEval_CallObjectWithKeywords _Py_Call callmethod object_vacall _PyStack_UnpackDict do_call_core call_function
    cfunction_call cfunction_vectorcall_FASTCALL cfunction_vectorcall_FASTCALL_KEYWORDS
    cfunction_vectorcall_FASTCALL_KEYWORDS_METHOD cfunction_vectorcall_NOARGS cfunction_vectorcall_O
    method_vectorcall method_call method_vectorcall_FASTCALL method_vectorcall_FASTCALL_KEYWORDS
    method_vectorcall_FASTCALL_KEYWORDS_METHOD method_vectorcall_NOARGS method_vectorcall_O method_vectorcall_VARARGS
    method_vectorcall_VARARGS_KEYWORDS classmethoddescr_call methoddescr_call instancemethod_call wrapper_call
    wrapperdescr_call wrapperdescr_raw_call
    _Py_VectorCall_StackRefSteal _Py_VectorCallInstrumentation_StackRefSteal _Py_BuiltinCallFast_StackRef
    _Py_BuiltinCallFastWithKeywords_StackRef _Py_CallBuiltinClass_StackRef _PyCallMethodDescriptorFast_StackRef
    _PyCallMethodDescriptorFastWithKeywords_StackRef _PyObject_MaybeCallSpecialNoArgs _PyObject_MaybeCallSpecialOneArg
"""
"""The functions that call an object. The called function comes next."""

_SLOTS = """
    type_call type_vectorcall tp_new_wrapper vectorcall_method vectorcall_maybe vectorcall_unbound call_unbound
    call_unbound_noarg call_method call_maybe call_attribute lookup_maybe_method property_descr_get property_descr_set
    richcmp_eq richcmp_ge richcmp_gt richcmp_le richcmp_lt richcmp_ne
"""
"""Functions between a class written in Python and the interpreter's operations on its objects: slot_tp_call calls
__call__, and wrap_init is __init__ of a class written in C. Others are recognized by their prefix.
"""

_SLOT_BEGINNINGS = (
    "wrap_",
    *(f"{py}slot_{kind}_" for py in ("", "_Py_") for kind in ("am", "bf", "mp", "nb", "sq", "tp")),
)

_OPERATIONS = """
    PyObject_GetAttr PyObject_GetAttrString _PyObject_GetAttrId _PyObject_LookupAttr _PyObject_LookupAttrId
    PyObject_GetOptionalAttr PyObject_GetOptionalAttrString _PyObject_GetMethod _PyObject_LookupSpecial
    _PyObject_LookupSpecialId PyObject_GenericGetAttr _PyObject_GenericGetAttrWithDict PyObject_SetAttr
    PyObject_SetAttrString _PyObject_SetAttrId PyObject_GenericSetAttr _PyObject_GenericSetAttrWithDict PyObject_DelAttr
    PyObject_GetItem PyObject_SetItem PyObject_DelItem PyObject_Size PyObject_Length PyObject_LengthHint PyObject_IsTrue
    PyObject_Hash PyObject_Str PyObject_Repr PyObject_RichCompare PyObject_RichCompareBool do_richcompare
    PyObject_GetIter PyObject_GetAIter PyIter_Next PyIter_Send PySequence_Contains PySequence_GetItem PySequence_SetItem
    PySequence_Size PyMapping_Size binary_op1 binary_op binary_iop1 binary_iop ternary_op ternary_iop
    gen_iternext gen_send gen_send_ex gen_send_ex2 gen_throw _gen_throw gen_close PyGen_am_send
    PyObject_CallFinalizer PyObject_CallFinalizerFromDealloc _Py_Dealloc
    _PyObject_GetAttrStackRef _PyObject_GetMethodStackRef _Py_LoadAttr_StackRefSteal _PyEval_GetIter PyIter_NextItem
    _PyForIter_VirtualIteratorNext _PyIter_Send PyMapping_GetOptionalItem _PyMapping_GetOptionalItem2
"""
"""Operations on any object, each of which leads to the method that performs it: __getattr__, __next__, a generator's
body, list_concat. Arithmetic is recognized by its prefix.
"""

_OPERATION_BEGINNINGS = ("PyNumber_", "_PyNumber_")

_CALLING_BEGINNINGS = _SLOT_BEGINNINGS + _OPERATION_BEGINNINGS

_CALLING = frozenset((_EVALUATION + _CALLS + _SLOTS + _OPERATIONS).split())

_ALLOCATING = frozenset(
    """
    PyObject_Malloc _PyObject_Malloc PyObject_Calloc _PyObject_Calloc PyObject_Realloc _PyObject_Realloc
    PyMem_Malloc PyMem_Calloc PyMem_Realloc PyMem_RawMalloc PyMem_RawCalloc PyMem_RawRealloc
    _PyMem_RawMalloc _PyMem_RawCalloc _PyMem_RawRealloc _PyMem_DebugMalloc _PyMem_DebugCalloc _PyMem_DebugRealloc
    _PyMem_DebugRawMalloc _PyMem_DebugRawCalloc _PyMem_DebugRawRealloc _PyMem_DebugRawAlloc
    _PyMem_MiMalloc _PyMem_MiCalloc _PyMem_MiRealloc _PyObject_MiMalloc _PyObject_MiCalloc _PyObject_MiRealloc
    pymalloc_alloc pymalloc_realloc allocate_from_new_pool new_arena _PyMem_ArenaAlloc _PyObject_ArenaMmap
    _PyObject_New _PyObject_NewVar _PyObject_GC_New _PyObject_GC_NewVar _PyObject_GC_Malloc _PyObject_GC_Calloc
    _PyObject_GC_Alloc _PyObject_GC_Resize gc_alloc PyType_GenericAlloc _PyType_AllocNoTrack
    """.split()
)
"""Layers that all allocations of objects pass through. PyList_New, PyUnicode_New and similar functions show what was
created, so they are kept.
"""

_STARTING = frozenset(
    """
    main Py_BytesMain Py_Main pymain_main Py_RunMain pymain_run_python pymain_run_file pymain_run_file_obj
    pymain_run_command pymain_run_module pymain_run_stdin pymain_run_startup pymain_run_interactive_hook pymain_repl
    PyRun_AnyFile PyRun_AnyFileEx PyRun_AnyFileFlags PyRun_AnyFileExFlags _PyRun_AnyFileObject PyRun_SimpleFile
    PyRun_SimpleFileEx PyRun_SimpleFileExFlags _PyRun_SimpleFileObject _PyRun_SimpleFile pyrun_simple_file pyrun_file
    PyRun_File PyRun_FileEx PyRun_FileFlags PyRun_FileExFlags run_pyc_file PyRun_SimpleString PyRun_SimpleStringFlags
    _PyRun_SimpleStringFlagsWithName PyRun_InteractiveLoop PyRun_InteractiveLoopFlags
    _PyRun_InteractiveLoopObject PyRun_InteractiveOne PyRun_InteractiveOneFlags
    PyRun_InteractiveOneObject PyRun_InteractiveOneObjectEx pyrun_one_parse_ast
    pythread_wrapper thread_run t_bootstrap
    """.split()
)
"""Functions from main(), or from the first function of a thread, to the outermost Python frame: <module>, or
threading's.
"""

_SYSTEM = frozenset(
    """
    __libc_start_main __libc_start_main_impl __libc_start_call_main generic_start_main
    start_thread clone clone3 __clone __clone3 __clone_internal thread_start
    start _pthread_start
    """.split()
)

_STARTING_ON_MACOS = ("dyld", "libdyld.dylib", "libsystem_pthread.dylib")
"""The libraries with macOS's code that starts programs and threads."""

_LIBC_BEGINNINGS = tuple(f"{name}{behind}" for name in ("libc", "libpthread") for behind in (".so.", "-2."))


def home_of(module_name: str, is_interpreter: bool) -> Home:
    """Return the kind of code in a module, judging by its file's name."""
    if is_interpreter:
        return INTERPRETER
    if _is_launcher(module_name):
        return LAUNCHER
    return LIBC if _is_libc(module_name) else OTHER


def _is_launcher(name: str) -> bool:
    """Return whether the name is like ``python``, ``python3``, ``python3.13``, ``python3.13d``, macOS's ``Python``."""
    major, dot, minor = name.removeprefix("python").partition(".")
    if not name.startswith("python") or not (dot or major):
        return name in ("python", "Python")
    number = minor if dot else major
    return number[:1].isdecimal() and _is_word(number) and (not dot or major.isdecimal())


def _is_libc(name: str) -> bool:
    """Return whether the name is like ``libc.so.6``, ``libc-2.31.so``, the same for libpthread, or one of macOS's."""
    if name in _STARTING_ON_MACOS:
        return True
    beginning = next((one for one in _LIBC_BEGINNINGS if name.startswith(one)), None)
    return beginning is not None and not name[len(beginning) :].removesuffix("so").strip("0123456789.")


def _is_word(text: str) -> bool:
    return all(character.isalnum() or character == "_" for character in text)


def _goes_by_beginning(name: str) -> bool:
    beginning = next((one for one in _CALLING_BEGINNINGS if name.startswith(one)), name)
    return beginning != name and _is_word(name)


def role_of(home: Home, name: str | None) -> Role:
    """Return the role of a native frame, judging by its function's name. None: it has no name, since the file was
    stripped.
    """
    if name == "_start":
        return ENTRY
    if home is LIBC:
        return SYSTEM if name is None or name in _SYSTEM else TELLING
    if home is OTHER:
        return TELLING
    if name in _STARTING or (home is LAUNCHER and name is None):
        return STARTING
    if home is LAUNCHER:
        return TELLING
    if name is None or name in _CALLING or _goes_by_beginning(name):
        return CALLING  # without a name it shows only "the interpreter", as the Python line does
    return ALLOCATING if name in _ALLOCATING else TELLING


# ---- A stack


def telling(frames: Sequence[Frame], roles: str, has_root: bool) -> tuple[Frame, ...]:
    """Return a stack's informative frames, leaf first. ``has_root``: it reaches the thread's first frame."""
    outermost = roles.rfind(PYTHON) + 1
    if outermost == 0:
        return tuple(frames)
    first = len(roles) - len(roles.lstrip(ALLOCATING + CALLING))
    last = _without_system(roles) if has_root else len(roles)
    started = last - len(roles[outermost:last].lstrip(STARTING + CALLING))
    return tuple(
        frame
        for start, end in ((first, outermost), (started, last))
        for frame, role in zip(frames[start:end], roles[start:end])
        if role != CALLING
    )


def _without_system(roles: str) -> int:
    """Return the index at which the C library's startup code begins at the root; the stack's end if there is none."""
    entered = roles[:-1] if roles.endswith(ENTRY) else roles
    last = len(entered.rstrip(SYSTEM))
    return last if last < len(entered) else len(roles)
