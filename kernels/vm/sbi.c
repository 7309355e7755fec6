/* The built-in SBI 2.0: what a supervisor's ECALL reaches where no firmware runs. */
#include "vm/hart.h"

enum extension {
    LEGACY_SET_TIMER = 0, LEGACY_PUTCHAR = 1, LEGACY_GETCHAR = 2, LEGACY_SHUTDOWN = 8,
    BASE = 0x10, TIMER = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, HSM = 0x48534d, RESET = 0x53525354,
    DEBUG_CONSOLE = 0x4442434e,
    HYPERCALL = 0x09000000  /* ours: the first vendor extension */
};
enum { SUCCESS = 0, NOT_SUPPORTED = -2, INVALID_PARAM = -3, INVALID_ADDRESS = -5, ALREADY_AVAILABLE = -6 };
enum { A0 = 10, A1, A2, A3, A6 = 16, A7 };

#define SPEC_VERSION (2u << 24)
#define IMPLEMENTATION 0x58  /* "X": none of the registered ones */
#define RFENCE_LAST 6

static const struct sbi_result ok = {SUCCESS, 0};

static struct sbi_result failed(int64_t error) { return (struct sbi_result){error, 0}; }

static bool known(uint64_t extension)
{
    switch (extension) {
    case LEGACY_SET_TIMER: case LEGACY_PUTCHAR: case LEGACY_GETCHAR: case LEGACY_SHUTDOWN:
    case BASE: case TIMER: case IPI: case RFENCE: case HSM: case RESET: case DEBUG_CONSOLE: case HYPERCALL: return true;
    default: return false;
    }
}

static struct sbi_result base(const struct hart *h, uint64_t function)
{
    switch (function) {
    case 0: return (struct sbi_result){SUCCESS, SPEC_VERSION};
    case 1: return (struct sbi_result){SUCCESS, IMPLEMENTATION};
    case 2: return (struct sbi_result){SUCCESS, 1};
    case 3: return (struct sbi_result){SUCCESS, known(h->x[A0])};
    case 4: case 5: case 6: return ok;  /* mvendorid, marchid, mimpid */
    default: return failed(NOT_SUPPORTED);
    }
}

static struct sbi_result set_timer(struct hart *h, uint64_t deadline)
{
    h->vm->mtimecmp[h->id] = deadline;
    aclint_timer_moved(h->vm);
    return ok;
}

/* Whether the hart is one of `mask`'s, which starts at hart `first`; first = -1 means all. */
static bool selected(uint32_t hart, uint64_t mask, uint64_t first)
{
    if (first == UINT64_MAX)
        return true;
    return hart >= first && hart - first < 64 && (mask >> (hart - first) & 1);
}

static struct sbi_result send_ipi(struct hart *h)
{
    for (uint32_t i = 0; i < h->vm->config.harts; i++)
        if (selected(i, h->x[A0], h->x[A1]))
            vm_set_pending(h->vm, i, IRQ_SSI, true);
    return ok;
}

static struct sbi_result remote_fence(struct hart *h, uint64_t function)
{
    if (function > RFENCE_LAST)
        return failed(NOT_SUPPORTED);
    if (function == 0)
        fence_instructions(h->vm);
    for (uint32_t i = 0; i < h->vm->config.harts; i++)
        if (function > 0 && selected(i, h->x[A0], h->x[A1])) {
            tlb_flush(h->vm->harts[i]);
            cache_flush_jumps(h->vm->harts[i]);
        }
    return ok;
}

static struct sbi_result start_hart(struct hart *h, uint64_t id, uint64_t entry, uint64_t opaque)
{
    struct vm *vm = h->vm;
    if (id >= vm->config.harts)
        return failed(INVALID_PARAM);
    if (vm->harts[id]->hsm == HSM_STARTED)
        return failed(ALREADY_AVAILABLE);
    if (!vm_ram_at(vm, entry, 4, ACCESS_READ))
        return failed(INVALID_ADDRESS);
    struct hart *started = vm->harts[id];
    hart_reset(started, entry, VM_MODE_SUPERVISOR);
    started->hsm = HSM_STARTED;
    started->x[A1] = opaque;
    return ok;
}

static struct sbi_result manage_hart(struct hart *h, uint64_t function)
{
    uint64_t id = h->x[A0];
    switch (function) {
    case 0: return start_hart(h, id, h->x[A1], h->x[A2]);
    case 1:
        h->hsm = HSM_STOPPED;
        h->stop = h->leave = true;
        return ok;
    case 2:
        if (id >= h->vm->config.harts)
            return failed(INVALID_PARAM);
        return (struct sbi_result){SUCCESS, h->vm->harts[id]->hsm == HSM_STARTED ? 0 : 1};
    case 3:  /* suspend: the retentive kind is a WFI */
        if (h->x[A0] != 0)
            return failed(NOT_SUPPORTED);
        h->waiting = h->stop = h->leave = true;
        return ok;
    default: return failed(NOT_SUPPORTED);
    }
}

static struct sbi_result console_read(struct hart *h, uint64_t size, uint64_t address)
{
    uint8_t *bytes = vm_ram_at(h->vm, address, size, ACCESS_WRITE);
    uint64_t n = 0;
    if (!bytes)
        return failed(INVALID_PARAM);
    for (int byte; n < size && (byte = vm_console_get(h->vm)) >= 0; n++)
        bytes[n] = (uint8_t)byte;
    return (struct sbi_result){SUCCESS, n};
}

static struct sbi_result debug_console(struct hart *h, uint64_t function)
{
    uint8_t byte = (uint8_t)h->x[A0];
    if (function < 2 && h->x[A2] != 0)
        return failed(INVALID_PARAM);
    if (function == 1)
        return console_read(h, h->x[A0], h->x[A1]);
    const uint8_t *bytes = function == 0 ? vm_ram_at(h->vm, h->x[A1], h->x[A0], ACCESS_READ) : &byte;
    if (function > 2)
        return failed(NOT_SUPPORTED);
    if (!bytes)
        return failed(INVALID_PARAM);
    uint64_t size = function == 0 ? h->x[A0] : 1;
    vm_console_put(h->vm, bytes, size);
    return (struct sbi_result){SUCCESS, function == 0 ? size : 0};
}

/* Function 0 copies a2 bytes from physical address a1 to a0; the ranges must not overlap. */
static struct sbi_result hypercall(const struct hart *h, uint64_t function)
{
    if (function != 0)
        return failed(NOT_SUPPORTED);
    return guest_copy(h->vm, h->x[A0], h->x[A1], h->x[A2]) ? ok : failed(INVALID_PARAM);
}

/* Shutdown and reboot both end the run; a failure as the reason is exit code 1. */
static struct sbi_result system_reset(struct hart *h, uint64_t function)
{
    if (function != 0)
        return failed(NOT_SUPPORTED);
    if (h->x[A0] > 2 || h->x[A1] > 1)
        return failed(INVALID_PARAM);
    vm_exit(h->vm, h->x[A1]);
    return ok;
}

/* The legacy calls answer in a0 alone. */
static bool legacy(struct hart *h, uint64_t extension)
{
    uint8_t byte = (uint8_t)h->x[A0];
    switch (extension) {
    case LEGACY_SET_TIMER: set_timer(h, h->x[A0]); break;
    case LEGACY_PUTCHAR: vm_console_put(h->vm, &byte, 1); break;
    case LEGACY_GETCHAR: h->x[A0] = (uint64_t)(int64_t)vm_console_get(h->vm); return true;
    case LEGACY_SHUTDOWN: vm_exit(h->vm, 0); break;
    default: return false;
    }
    h->x[A0] = 0;
    return true;
}

static struct sbi_result call(struct hart *h, uint64_t extension, uint64_t function)
{
    struct sbi_result result = {NOT_SUPPORTED, 0};
    switch (extension) {
    case BASE: return base(h, function);
    case TIMER: return function == 0 ? set_timer(h, h->x[A0]) : result;
    case IPI: return function == 0 ? send_ipi(h) : result;
    case RFENCE: return remote_fence(h, function);
    case HSM: return manage_hart(h, function);
    case RESET: return system_reset(h, function);
    case DEBUG_CONSOLE: return debug_console(h, function);
    case HYPERCALL: return hypercall(h, function);
    default: break;
    }
    if (h->vm->sbi_hook && h->vm->sbi_hook(h, extension, function, &result))
        return result;
    return failed(NOT_SUPPORTED);
}

void sbi_call(struct hart *h)
{
    uint64_t extension = h->x[A7];
    if (legacy(h, extension))
        return;
    struct sbi_result result = call(h, extension, h->x[A6]);
    h->x[A0] = (uint64_t)result.error;
    h->x[A1] = result.value;
}
