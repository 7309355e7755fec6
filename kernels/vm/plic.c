/* PLIC: the platform's interrupt controller, at the place and with the contexts of QEMU's virt machine: context
   2 * hart interrupts machine mode, 2 * hart + 1 supervisor mode. Lines are level-triggered. */
#include <stdlib.h>

#include "vm/hart.h"
#include "vm/plic.h"
#include "vm/stream.h"

#define BASE 0x0c000000
#define SIZE 0x4000000
#define PENDING 0x1000
#define ENABLE 0x2000
#define ENABLE_STRIDE 0x80
#define CONTEXT 0x200000
#define CONTEXT_STRIDE 0x1000
#define CLAIM 4
#define MAX_PRIORITY 7
#define CONTEXTS (2 * MAX_HARTS)

struct plic {
    struct vm *vm;
    uint32_t level;      /* one bit a source: its line is up */
    uint32_t pending;    /* raised and not yet claimed */
    uint32_t in_service; /* claimed and not yet completed */
    uint32_t enabled[CONTEXTS];
    uint32_t threshold[CONTEXTS];
    uint8_t priority[PLIC_SOURCES];
};

static uint32_t contexts(const struct plic *p) { return 2 * p->vm->config.harts; }

/* The source that a claim would give: highest priority above the threshold, then lowest number; 0 for none. */
static uint32_t best(const struct plic *p, uint32_t context)
{
    uint32_t found = 0, candidates = p->pending & p->enabled[context];
    for (uint32_t source = 1; source < PLIC_SOURCES; source++)
        if ((candidates >> source & 1) && p->priority[source] > p->threshold[context] &&
            (!found || p->priority[source] > p->priority[found]))
            found = source;
    return found;
}

static void update(struct plic *p)
{
    p->pending |= p->level & ~p->in_service;
    for (uint32_t context = 0; context < contexts(p); context++)
        vm_set_pending(p->vm, context / 2, context % 2 ? IRQ_SEI : IRQ_MEI, best(p, context) != 0);
}

static void set_line(void *opaque, uint32_t line, bool level)
{
    struct plic *p = opaque;
    if (line == 0 || line >= PLIC_SOURCES)
        return;
    p->level = level ? p->level | 1u << line : p->level & ~(1u << line);
    if (!level)
        p->pending &= ~(1u << line);
    update(p);
}

static uint32_t claim(struct plic *p, uint32_t context)
{
    uint32_t source = best(p, context);
    p->pending &= ~(1u << source);
    p->in_service |= source ? 1u << source : 0;
    update(p);
    return source;
}

static void complete(struct plic *p, uint32_t context, uint64_t source)
{
    if (source == 0 || source >= PLIC_SOURCES || !(p->enabled[context] >> source & 1))
        return;
    p->in_service &= ~(1u << source);
    update(p);
}

static uint64_t read_context(struct plic *p, uint64_t offset)
{
    uint64_t context = offset / CONTEXT_STRIDE, at = offset % CONTEXT_STRIDE;
    if (context >= contexts(p))
        return 0;
    if (at == CLAIM)
        return claim(p, (uint32_t)context);
    return at == 0 ? p->threshold[context] : 0;
}

static void write_context(struct plic *p, uint64_t offset, uint64_t value)
{
    uint64_t context = offset / CONTEXT_STRIDE, at = offset % CONTEXT_STRIDE;
    if (context >= contexts(p))
        return;
    if (at == CLAIM)
        complete(p, (uint32_t)context, value);
    else if (at == 0)
        p->threshold[context] = value & MAX_PRIORITY;
    update(p);
}

static uint64_t plic_read(void *opaque, uint64_t offset, unsigned width)
{
    struct plic *p = opaque;
    if (width != 4)
        return 0;
    if (offset >= CONTEXT)
        return read_context(p, offset - CONTEXT);
    if (offset >= ENABLE) {
        uint64_t context = (offset - ENABLE) / ENABLE_STRIDE;
        return context < contexts(p) && (offset - ENABLE) % ENABLE_STRIDE == 0 ? p->enabled[context] : 0;
    }
    if (offset == PENDING)
        return p->pending;
    return offset / 4 < PLIC_SOURCES ? p->priority[offset / 4] : 0;
}

static void plic_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct plic *p = opaque;
    if (width != 4)
        return;
    if (offset >= CONTEXT) {
        write_context(p, offset - CONTEXT, value);
    } else if (offset >= ENABLE) {
        uint64_t context = (offset - ENABLE) / ENABLE_STRIDE;
        if (context < contexts(p) && (offset - ENABLE) % ENABLE_STRIDE == 0)
            p->enabled[context] = (uint32_t)value & ~1u;
    } else if (offset && offset / 4 < PLIC_SOURCES) {
        p->priority[offset / 4] = value & MAX_PRIORITY;
    }
    update(p);
}

static void plic_reset(void *opaque)
{
    struct plic *p = opaque;
    *p = (struct plic){.vm = p->vm};
}

static void plic_save(void *opaque, struct stream *to)
{
    const struct plic *p = opaque;
    stream_write_u64(to, p->level);
    stream_write_u64(to, p->pending);
    stream_write_u64(to, p->in_service);
    for (uint32_t i = 0; i < CONTEXTS; i++) {
        stream_write_u64(to, p->enabled[i]);
        stream_write_u64(to, p->threshold[i]);
    }
    stream_write(to, p->priority, sizeof p->priority);
}

static bool plic_load(void *opaque, struct stream *from)
{
    struct plic *p = opaque;
    p->level = (uint32_t)stream_read_u64(from);
    p->pending = (uint32_t)stream_read_u64(from);
    p->in_service = (uint32_t)stream_read_u64(from);
    for (uint32_t i = 0; i < CONTEXTS; i++) {
        p->enabled[i] = (uint32_t)stream_read_u64(from) & ~1u;
        p->threshold[i] = stream_read_u64(from) & MAX_PRIORITY;
    }
    stream_read(from, p->priority, sizeof p->priority);
    for (uint32_t i = 0; i < PLIC_SOURCES; i++)
        p->priority[i] &= MAX_PRIORITY;
    return !from->failed;
}

bool plic_attach(struct vm *vm)
{
    struct plic *p = calloc(1, sizeof *p);
    const struct device device = {.name = "plic", .base = BASE, .size = SIZE, .read = plic_read, .write = plic_write,
                                  .reset = plic_reset,
                                  .save = plic_save, .load = plic_load, .destroy = free, .opaque = p};
    if (!p || !vm_add_device(vm, &device)) {
        free(p);
        return false;
    }
    p->vm = vm;
    vm->irq_sink = set_line;
    vm->irq_opaque = p;
    return true;
}
