/* A frame whose base is rbx: no compact description can say that. */
        .text
        .globl  _dwarf_frame
        .p2align 4
_dwarf_frame:
        .cfi_startproc
        pushq   %rbx
        .cfi_def_cfa_offset 16
        .cfi_offset %rbx, -16
        movq    %rsp, %rbx
        .cfi_def_cfa_register %rbx
        subq    $80, %rsp
        andq    $-64, %rsp
        movq    %rdi, %rax
        movq    %rsi, %rdi
        callq   *%rax
        movq    %rbx, %rsp
        .cfi_def_cfa_register %rsp
        popq    %rbx
        .cfi_def_cfa_offset 8
        retq
        .cfi_endproc
        .subsections_via_symbols
