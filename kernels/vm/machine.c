/* The machine: made from its parts, run, ended. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "vm/console.h"
#include "vm/elf.h"
#include "vm/hart.h"
#include "vm/plic.h"
#include "vm/state_api.h"
#include "vm/uart.h"

#define SLICE 1000000        /* instructions between looks at devices and stop requests */
#define SLICE_OF_MANY 10000  /* a hart's turn where there are several */
#define HOST_TICK_NS 100     /* mtime's period under VM_CLOCK_HOST */
#define IDLE_NS 200000       /* sleep of an idle machine between looks at its devices */
#define SNAPSHOT_GAP 4       /* pages */
#define MAX_RAM ((uint64_t)64 << 30)

void vm_fail(struct vm *vm, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(vm->error, sizeof vm->error, format, arguments);
    va_end(arguments);
}

static bool power_of_two(uint32_t n, uint32_t low, uint32_t high) { return n >= low && n <= high && !(n & (n - 1)); }

static const char *config_problem(const struct vm_config *c)
{
    if (c->ram_size == 0 || c->ram_size % PAGE_SIZE || c->ram_size > MAX_RAM)
        return "RAM must be a multiple of 4096 bytes and at most 64 GiB";
    if (c->harts == 0 || c->harts > MAX_HARTS)
        return "a machine has 1 to 8 harts";
    if (!power_of_two(c->tlb_entries, 16, 65536))
        return "tlb_entries must be a power of two from 16 to 65536";
    if (!power_of_two(c->block_cache, 64, 1 << 20))
        return "block_cache must be a power of two from 64 to 1048576";
    return c->ticks_divisor == 0 ? "ticks_divisor must be at least 1" : NULL;
}

static bool create_parts(struct vm *vm)
{
    uint64_t pages = vm->ram_size / PAGE_SIZE;
    vm->ram = mmap(NULL, vm->ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (vm->ram == MAP_FAILED) {
        vm->ram = NULL;
        return false;
    }
    vm->page_flags = calloc(pages, 1);
    vm->dirty = calloc((pages + 63) / 64, sizeof *vm->dirty);
    vm->console = console_create();
    if (!vm->page_flags || !vm->dirty || !vm->console)
        return false;
    for (uint32_t i = 0; i < vm->config.harts; i++)
        if (!(vm->harts[i] = hart_create(vm, i)))
            return false;
    return aclint_attach(vm) && plic_attach(vm) && uart_attach(vm);
}

static uint64_t host_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) / HOST_TICK_NS;
}

struct vm *vm_create(const struct vm_config *config, char *error, size_t error_size)
{
    const char *problem = config_problem(config);
    struct vm *vm = problem ? NULL : calloc(1, sizeof *vm);
    if (!vm) {
        snprintf(error, error_size, "%s", problem ? problem : "no memory is left for a machine");
        return NULL;
    }
    vm->config = *config;
    vm->ram_size = config->ram_size;
    vm->clock_start = host_ticks();
    vm->snapshot_gap = SNAPSHOT_GAP;
    vm_set_zero_scan(vm, 0);
    for (int path = 0; path < VM_PATH_COUNT; path++)
        vm_path_set(vm, (enum vm_path)path, 0);
    if (!create_parts(vm)) {
        snprintf(error, error_size, "no memory is left for a machine with %llu MiB of RAM",
                 (unsigned long long)(config->ram_size >> 20));
        vm_destroy(vm);
        return NULL;
    }
    vm_reset(vm, RAM_BASE, VM_MODE_MACHINE);
    return vm;
}

void vm_destroy(struct vm *vm)
{
    if (!vm)
        return;
    vm_unshare(vm);
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (vm->devices[i].destroy)
            vm->devices[i].destroy(vm->devices[i].opaque);
    for (uint32_t i = 0; i < vm->config.harts; i++)
        hart_destroy(vm->harts[i]);
    if (vm->ram)
        munmap(vm->ram, vm->ram_size);
    console_destroy(vm->console);
    elf_symbols_destroy(vm->symbols);
    free(vm->page_flags);
    free(vm->dirty);
    free(vm->to_send);
    free(vm);
}

void vm_reset(struct vm *vm, uint64_t entry, enum vm_mode mode)
{
    vm->entry = entry;
    vm->mode = mode;
    vm->exited = false;
    for (uint32_t i = 0; i < vm->config.harts; i++) {
        vm->mtimecmp[i] = UINT64_MAX;
        hart_reset(vm->harts[i], entry, mode);
    }
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (vm->devices[i].reset)
            vm->devices[i].reset(vm->devices[i].opaque);
}

void vm_set_device_tree(struct vm *vm, uint64_t address) { vm->device_tree = address; }

void vm_exit(struct vm *vm, uint64_t code)
{
    vm->exited = true;
    vm->exit_code = code;
    struct hart *h = vm->harts[vm->current_hart];
    h->stop = h->leave = true;
}

uint64_t vm_exit_code(const struct vm *vm) { return vm->exit_code; }
const char *vm_error(const struct vm *vm) { return vm->error; }
void vm_request_stop(struct vm *vm) { atomic_store(&vm->stop_requested, true); }

uint64_t vm_retired(const struct vm *vm)
{
    const struct hart *h = vm->harts[vm->current_hart];
    return vm->retired + (h->budget - h->left);
}

uint64_t vm_time(const struct vm *vm)
{
    if (vm->config.clock == VM_CLOCK_HOST)
        return host_ticks() - vm->clock_start;
    return vm_retired(vm) / vm->config.ticks_divisor + vm->clock_skip;
}

void vm_set_time(struct vm *vm, uint64_t ticks) { vm->clock_start = host_ticks() - ticks; }

static bool runnable(struct hart *h)
{
    if (h->hsm == HSM_STOPPED)
        return false;
    if (h->waiting && (hart_mip(h) & h->mie))
        h->waiting = false;
    return !h->waiting;
}

/* The next hart that can run, from the current one on; NULL where all wait. */
static struct hart *next_hart(struct vm *vm)
{
    uint32_t harts = vm->config.harts;
    for (uint32_t i = harts > 1 ? 1 : 0; i <= harts; i++) {
        struct hart *h = vm->harts[(vm->current_hart + i) % harts];
        if (runnable(h))
            return h;
    }
    return NULL;
}

static void poll_devices(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (vm->devices[i].poll)
            vm->devices[i].poll(vm->devices[i].opaque);
    for (uint32_t i = 0; i < vm->config.harts; i++)
        aclint_update_timer(vm, vm->harts[i]);
}

/* All harts wait: go to the next timer, or say that there is nothing to go to. */
static bool pass_idle_time(struct vm *vm)
{
    uint64_t deadline = aclint_deadline(vm);
    if (deadline == UINT64_MAX)
        return false;
    if (vm->config.clock == VM_CLOCK_HOST)
        nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
    else
        vm->clock_skip += deadline - vm_time(vm);
    return true;
}

static uint64_t slice_length(const struct vm *vm, uint64_t left)
{
    uint64_t slice = vm->config.harts > 1 ? SLICE_OF_MANY : SLICE, distance = aclint_distance(vm);
    slice = slice < left ? slice : left;
    return slice < distance ? slice : distance;
}

static uint64_t run_slice(struct vm *vm, struct hart *h, uint64_t slice)
{
    if (vm->current_hart != h->id)
        h->reservation = RESERVATION_NONE;  /* the other harts may have stored there */
    vm->current_hart = h->id;
    h->leave = false;
    h->stop = false;
    uint64_t done = interpret(h, slice);
    vm->retired += done;
    h->retired_before += done;
    h->budget = h->left = 0;
    return done;
}

enum vm_stop vm_run(struct vm *vm, uint64_t instructions)
{
    uint64_t left = instructions;
    while (left && !vm->exited) {
        if (atomic_exchange(&vm->stop_requested, false))
            return VM_STOP_REQUEST;
        poll_devices(vm);
        struct hart *h = next_hart(vm);
        if (!h) {
            if (!pass_idle_time(vm))
                return VM_STOP_IDLE;
            continue;
        }
        left -= run_slice(vm, h, slice_length(vm, left));
        if (h->stuck) {
            h->stuck = false;
            return VM_STOP_STUCK;
        }
    }
    return vm->exited ? VM_STOP_EXIT : VM_STOP_BUDGET;
}
