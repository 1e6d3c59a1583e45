#include "tick.h"

#include "fork.h"
#include "lock.h"
#include "options.h"
#include "thread.h"
#include "tick_macos.h"
#include "tick_posts.h"
#include "tick_signal.h"

#include <errno.h>
#include <mach/mach.h>
#include <signal.h>
#include <stdatomic.h>

/* A signal carries nothing here, and two of them may arrive as one. What they mean is in `posts`.
 *
 * Signals are sent through the threads' Mach ports: the pthread_t of a thread that has just ended is freed memory. The
 * table holds a right to each port, so the kernel cannot give the port's name to something else. */

static _Atomic int chosen_signal;
static sp_tick_handler *tick_handler;               /* set before the signal is chosen */
static sp_lock sending = {.rank = SP_RANK_SENDING}; /* protects the table against other senders */
static sp_tick_posts posts;
static uint32_t listing;
static _Atomic uintptr_t return_address;

int sp_tick_signal(void) {
    return atomic_load_explicit(&chosen_signal, memory_order_acquire);
}

uintptr_t sp_tick_return_address(void) {
    return atomic_load_explicit(&return_address, memory_order_relaxed);
}

/* ---- The handler ---- */

/* The context does not say where the alternate stack begins. */
static size_t room_on_alternate_stack(void) {
    stack_t now;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_ONSTACK)) return SIZE_MAX;
    uintptr_t low = (uintptr_t)now.ss_sp;
    return here >= low && here - low < now.ss_size ? here - low : SIZE_MAX;
}

static void act(sp_tick_slot *slot, const void *context) {
    sp_interrupted interrupted = {
        .context = context, .sp = sp_tick_stack_pointer(context), .stack_room = room_on_alternate_stack()};
    for (unsigned lane = 0; lane < SP_TICK_LANES; lane++) {
        uint64_t cookie = sp_tick_slot_take(slot, lane);
        if (cookie != 0) tick_handler(cookie, &interrupted);
    }
}

/* A signal that was not ours does nothing, as by default. */
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    int saved_errno = errno;
    sp_tick_slot *slot = sp_tick_posts_find(&posts, sp_thread_kernel_id());
    atomic_store_explicit(&return_address, (uintptr_t)__builtin_return_address(0), memory_order_relaxed);
    if (slot) act(slot, context);
    errno = saved_errno;
}

/* The kernel's frame has at most 3 KiB, with the registers of AVX-512. The handler uses less than 1 KiB until it checks
 * its room. */
#define FRAME_BYTES ((size_t)4096)
#define HANDLER_BYTES ((size_t)1024)

size_t sp_tick_stack_bytes(void) {
    return FRAME_BYTES + HANDLER_BYTES;
}

/* ---- The signal ---- */

/* By default they are ignored. So a tick that arrives after the program has set the default, or in the program that it
 * has just become by exec, does no harm. (At exec the kernel drops such signals, but not those that end a process, such
 * as SIGEMT.) The kernel sends them only if a program asks for it, which it would do after installing a handler. */
static const int candidates[] = {SIGIO, SIGURG};

bool sp_tick_is_installed(void) {
    int number = sp_tick_signal();
    return number != 0 && sp_tick_signal_has(number, on_signal);
}

/* The child has none of the threads and none of the ports. */
static void forget_in_child(void) {
    sp_lock_reset_after_fork(&sending);
    sp_tick_posts_empty(&posts);
}

static bool create_once(void) {
    static bool done; /* protected by the callers' lock */
    if (!sp_tick_posts_create(&posts, sp_options.cpu_threads_max)) return false;
    if (!done) sp_fork_call(NULL, NULL, forget_in_child);
    done = true;
    return true;
}

bool sp_tick_install(sp_tick_handler *handler) {
    if (sp_tick_is_installed()) return true;
    if (!create_once()) return false;
    tick_handler = handler;
    atomic_store(&chosen_signal, 0);
    for (unsigned i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (!sp_tick_signal_is_unused(candidates[i]) || !sp_tick_signal_install(candidates[i], on_signal)) continue;
        atomic_store_explicit(&chosen_signal, candidates[i], memory_order_release);
        return true;
    }
    return false;
}

/* ---- Threads' ports ---- */

static void drop_right(mach_port_t port) {
    if (port != MACH_PORT_NULL) mach_port_deallocate(mach_task_self(), port);
}

/* A thread that libpthread did not start has no handle. No handler can run there: even errno would be missing. */
static bool may_get_signals(mach_port_t port, uint64_t *thread_id) {
    thread_identifier_info_data_t info;
    mach_msg_type_number_t count = THREAD_IDENTIFIER_INFO_COUNT;
    if (thread_info(port, THREAD_IDENTIFIER_INFO, (thread_info_t)&info, &count) != KERN_SUCCESS) return false;
    *thread_id = info.thread_id;
    return info.thread_handle != 0;
}

/* Keep one right to each port. */
static void keep_or_drop(mach_port_t port) {
    uint64_t thread_id;
    sp_tick_slot *slot = may_get_signals(port, &thread_id) ? sp_tick_posts_add(&posts, (uint32_t)thread_id) : NULL;
    if (!slot) {
        drop_right(port);
        return;
    }
    drop_right(slot->port);
    slot->port = port;
    slot->seen = listing;
}

static void remove_ended(void) {
    for (uint32_t i = 0; i < posts.capacity; i++) {
        sp_tick_slot *slot = &posts.slots[i];
        uint32_t owner = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);
        if (owner == 0 || owner == SP_TICK_REMOVED || slot->seen == listing) continue;
        drop_right(slot->port);
        sp_tick_posts_remove(&posts, slot);
    }
}

#define ENDED_MAX 64 /* besides as many as there are threads: so the table is seldom looked through */

static void list_ports(void) {
    thread_act_array_t ports;
    mach_msg_type_number_t count;
    if (task_threads(mach_task_self(), &ports, &count) != KERN_SUCCESS) return;
    listing++;
    for (mach_msg_type_number_t i = 0; i < count; i++) keep_or_drop(ports[i]);
    vm_deallocate(mach_task_self(), (vm_address_t)ports, count * sizeof *ports);
    if (posts.count > 2 * count + ENDED_MAX) remove_ended();
}

/* A thread that is not in the table has just begun, or has ended. */
static sp_tick_slot *find(uint32_t thread_id) {
    sp_tick_slot *slot = sp_tick_posts_find(&posts, thread_id);
    if (slot) return slot;
    list_ports();
    return sp_tick_posts_find(&posts, thread_id);
}

/* ---- Sending ---- */

/* libSystem's name for the system call, by which pthread_kill does its work. */
extern int __pthread_kill(mach_port_t port, int number);

static bool send(uint32_t thread_id, uint64_t cookie) {
    sp_tick_slot *slot = find(thread_id);
    if (!slot) return false;
    sp_tick_slot_post(slot, cookie);
    if (__pthread_kill(slot->port, sp_tick_signal()) == 0) return true;
    sp_tick_slot_withdraw(slot, cookie);
    return false;
}

bool sp_tick_send(uint32_t thread_id, uint64_t cookie) {
    int saved_errno = errno;
    sp_lock_acquire(&sending);
    bool sent = send(thread_id, cookie);
    sp_lock_release(&sending);
    errno = saved_errno;
    return sent;
}

/* Signal 0 is checked like any other, and not sent. */
static bool is_refused(uint32_t thread_id) {
    sp_tick_slot *slot = find(thread_id);
    return slot && __pthread_kill(slot->port, 0) != 0 && errno == ENOTSUP;
}

bool sp_tick_is_refused(uint32_t thread_id) {
    int saved_errno = errno;
    sp_lock_acquire(&sending);
    bool refused = is_refused(thread_id);
    sp_lock_release(&sending);
    errno = saved_errno;
    return refused;
}

/* ---- Timers, of which there are none ---- */

int sp_tick_create(uint32_t thread_id, sp_tick_clock clock, uint64_t cookie) {
    (void)thread_id, (void)clock, (void)cookie;
    return SP_TICK_NONE;
}

int sp_tick_create_for_process(sp_tick_clock clock, uint32_t thread_id, uint64_t cookie) {
    (void)clock, (void)thread_id, (void)cookie;
    return SP_TICK_NONE;
}

bool sp_tick_comes_to_running_thread(void) {
    return false;
}

bool sp_tick_arm(int timer, uint64_t first_ns, uint64_t interval_ns) {
    (void)timer, (void)first_ns, (void)interval_ns;
    return false;
}

void sp_tick_delete(int timer) {
    (void)timer;
}
