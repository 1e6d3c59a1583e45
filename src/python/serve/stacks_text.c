/* Include this before libc's headers: it includes Python.h, which chooses what they declare. */
#include "pyframes.h"

#include "stacks_text.h"

#include "native_names.h"
#include "own_numbers.h"
#include "own_thread.h"
#include "spprof.h"
#include "state.h"

#include <stdbool.h>
#include <string.h>

#define ANSWERS_WITHIN_NS UINT64_C(500000000)
#define ADDRESS_MASK ((UINT64_C(1) << SPPROF_FRAME_GENERATION_SHIFT) - 1)

static void put_visible_text(sp_buffer *to, const char *text) {
    sp_buffer_put_visible(to, text, strlen(text));
}

/* ---- Frames ---- */

static void put_interpreted(sp_buffer *to, uint64_t frame) {
    spprof_code code;
    uint32_t id = (uint32_t)((frame & ~SPPROF_FRAME_INTERPRETED) >> 32);
    if (!spprof_code_get(id, &code)) {
        sp_buffer_put_text(to, "<unknown code>");
        return;
    }
    sp_buffer_put_visible(to, code.function, code.function_length);
    if (code.file_length == 0) return; /* a mark, not real code */
    sp_buffer_put_text(to, " (");
    sp_buffer_put_visible(to, code.file, code.file_length);
    int line = sp_pyframes_line(&code, (uint32_t)frame);
    if (line > 0) {
        sp_buffer_put_text(to, ":");
        sp_buffer_put_number(to, (uint64_t)line);
    }
    sp_buffer_put_text(to, ")");
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_native(sp_buffer *to, const sp_native_names *names, uint64_t frame) {
    const sp_native_name *name = sp_native_names_find(names, frame);
    spprof_module module;
    bool has_module = name && name->module != 0 && spprof_module_get(name->module - 1, &module);
    bool has_name = has_module && name->name_length > 0;
    if (has_name) {
        sp_buffer_put_visible(to, names->functions.data + name->name, name->name_length);
        sp_buffer_put_text(to, "+");
        sp_buffer_put_address(to, name->in_file - name->start);
    } else {
        sp_buffer_put_address(to, frame & ADDRESS_MASK);
    }
    if (!has_module) return;
    sp_buffer_put_text(to, " (");
    put_visible_text(to, file_name(module.path));
    if (!has_name) {
        sp_buffer_put_text(to, "+");
        sp_buffer_put_address(to, name->in_file);
    }
    sp_buffer_put_text(to, ")");
}

static void put_stack(sp_buffer *to, const sp_native_names *names, const spprof_stack *stack) {
    for (uint32_t i = 0; i < stack->count; i++) {
        sp_buffer_put_text(to, "  ");
        if (stack->frames[i] & SPPROF_FRAME_INTERPRETED)
            put_interpreted(to, stack->frames[i]);
        else
            put_native(to, names, stack->frames[i]);
        sp_buffer_put_text(to, "\n");
    }
    if (stack->depth_limited) sp_buffer_put_text(to, "  … (more callers than are kept)\n");
    if (stack->truncated) sp_buffer_put_text(to, "  … (further callers could not be found)\n");
}

/* ---- Threads ---- */

static const char *word_for(char state) {
    switch (state) {
    case 'R':
        return "running";
    case 'S':
        return "sleeping";
    case 'D':
        return "waiting, uninterruptible";
    case 'T':
    case 't':
        return "stopped";
    default:
        return "ended";
    }
}

static const char *text_of(spprof_thread_absence absence) {
    static const char *const texts[] = {[SPPROF_THREAD_PRESENT] = "",
#define X(constant, text) [SPPROF_THREAD_##constant] = text,
                                        SPPROF_THREAD_ABSENCES(X)
#undef X
    };
    return texts[absence];
}

/* Return whether this is the background thread. The server's thread is the caller, so it is not listed. */
static bool is_own(const spprof_thread_stack *thread) {
    return thread->absence == SPPROF_THREAD_BLOCKED && strcmp(thread->name, SP_OWN_THREAD_NAME) == 0;
}

static void put_thread(sp_buffer *to, const sp_native_names *names, const spprof_thread_stack *thread) {
    sp_buffer_put_text(to, "\nthread ");
    sp_buffer_put_number(to, thread->thread_id);
    sp_buffer_put_text(to, " \"");
    put_visible_text(to, thread->name);
    sp_buffer_put_text(to, "\" (");
    sp_buffer_put_text(to, word_for(thread->state));
    if (thread->waits_in[0] != '\0') {
        sp_buffer_put_text(to, " in ");
        put_visible_text(to, thread->waits_in);
    }
    sp_buffer_put_text(to, ")\n");
    if (thread->absence != SPPROF_THREAD_PRESENT) {
        sp_buffer_put_text(to, "  no stack: ");
        sp_buffer_put_text(to, is_own(thread) ? "it is the profiler's own" : text_of(thread->absence));
        sp_buffer_put_text(to, "\n");
    }
    put_stack(to, names, &thread->stack);
}

/* ---- The process ---- */

static void put_process(sp_buffer *to) {
    sp_own_numbers numbers;
    sp_state state;
    sp_own_numbers_read(&numbers);
    sp_state_read(&state);
    sp_buffer_put_text(to, "process ");
    sp_buffer_put_number(to, numbers.pid);
    sp_buffer_put_text(to, ": ");
    if (state.program[0] != '\0') {
        put_visible_text(to, state.program);
        sp_buffer_put_text(to, ", Python ");
        put_visible_text(to, state.python);
        sp_buffer_put_text(to, ", ");
    }
    sp_buffer_put_text(to, "spprof " SPPROF_VERSION "\n");
}

static void learn_names(sp_native_names *names, size_t count) {
    spprof_thread_stack thread;
    for (size_t i = 0; i < count; i++) {
        spprof_thread_stacks_get(i, &thread);
        for (uint32_t at = 0; at < thread.stack.count; at++)
            if (!(thread.stack.frames[at] & SPPROF_FRAME_INTERPRETED))
                sp_native_names_add(names, thread.stack.frames[at]);
    }
    sp_native_names_learn(names);
}

static void put_threads(sp_buffer *to, size_t count, size_t left_out) {
    sp_native_names names = {0};
    spprof_thread_stack thread;
    learn_names(&names, count);
    for (size_t i = 0; i < count; i++) {
        spprof_thread_stacks_get(i, &thread);
        put_thread(to, &names, &thread);
    }
    if (left_out > 0) {
        sp_buffer_put_text(to, "\nand ");
        sp_buffer_put_number(to, left_out);
        sp_buffer_put_text(to, " more threads: set SPPROF_CPU_THREADS_MAX higher to include them\n");
    }
    sp_native_names_free(&names);
}

static const char *remedy_for(spprof_thread_stacks_status status) {
    switch (status) {
    case SPPROF_THREAD_STACKS_BUSY:
        return "another request is reading the stacks: try again";
    case SPPROF_THREAD_STACKS_NO_LIST:
        return "the threads cannot be listed: on Linux, mount /proc where the program runs";
    default:
        return "thread stacks have not been set up: call spprof.listen() first";
    }
}

void sp_stacks_text(sp_buffer *to) {
    size_t count, left_out;
    put_process(to);
    spprof_thread_stacks_status status = spprof_thread_stacks_take(ANSWERS_WITHIN_NS, &count, &left_out);
    if (status != SPPROF_THREAD_STACKS_OK) {
        sp_buffer_put_text(to, "\n");
        sp_buffer_put_text(to, remedy_for(status));
        sp_buffer_put_text(to, "\n");
        return;
    }
    put_threads(to, count, left_out);
    spprof_thread_stacks_give_back();
}
