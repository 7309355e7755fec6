/* ACLINT: the machine timer, and machine and supervisor software interrupts. */
#include "vm/hart.h"

#define MSWI_BASE 0x02000000
#define MSWI_SIZE 0x4000
#define MTIMER_BASE 0x02004000
#define MTIMER_SIZE 0x8000
#define MTIME_OFFSET 0x7ff8
#define SSWI_BASE 0x02f00000
#define SSWI_SIZE 0x4000
#define HOST_CLOCK_SLICE 100000  /* instructions between looks at the host's clock */

static uint64_t mswi_read(void *opaque, uint64_t offset, unsigned width)
{
    struct vm *vm = opaque;
    uint64_t hart = offset / 4;
    return width == 4 && hart < vm->config.harts ? vm->harts[hart]->mip >> IRQ_MSI & 1 : 0;
}

static void mswi_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct vm *vm = opaque;
    if (width == 4 && offset / 4 < vm->config.harts)
        vm_set_pending(vm, (uint32_t)(offset / 4), IRQ_MSI, value & 1);
}

static uint64_t sswi_read(void *opaque, uint64_t offset, unsigned width)
{
    (void)opaque, (void)offset, (void)width;
    return 0;
}

static void sswi_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct vm *vm = opaque;
    if (width == 4 && offset / 4 < vm->config.harts && (value & 1))
        vm_set_pending(vm, (uint32_t)(offset / 4), IRQ_SSI, true);
}

static uint64_t part(uint64_t value, uint64_t offset, unsigned width)
{
    value >>= 8 * (offset & 7);
    return width == 8 ? value : value & (((uint64_t)1 << 8 * width) - 1);
}

static uint64_t mtimer_read(void *opaque, uint64_t offset, unsigned width)
{
    struct vm *vm = opaque;
    if (offset >= MTIME_OFFSET)
        return part(vm_time(vm), offset, width);
    return offset / 8 < vm->config.harts ? part(vm->mtimecmp[offset / 8], offset, width) : 0;
}

static void mtimer_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct vm *vm = opaque;
    uint64_t mask = width == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * width) - 1, shift = 8 * (offset & 7);
    if (offset / 8 < vm->config.harts) {
        uint64_t *compare = &vm->mtimecmp[offset / 8];
        *compare = (*compare & ~(mask << shift)) | (value & mask) << shift;
        aclint_timer_moved(vm);
    }
}

bool aclint_attach(struct vm *vm)
{
    const struct device parts[] = {
        {.name = "mswi", .base = MSWI_BASE, .size = MSWI_SIZE, .read = mswi_read, .write = mswi_write, .opaque = vm},
        {.name = "mtimer", .base = MTIMER_BASE, .size = MTIMER_SIZE, .read = mtimer_read, .write = mtimer_write,
         .opaque = vm},
        {.name = "sswi", .base = SSWI_BASE, .size = SSWI_SIZE, .read = sswi_read, .write = sswi_write, .opaque = vm},
    };
    for (uint32_t i = 0; i < MAX_HARTS; i++)
        vm->mtimecmp[i] = UINT64_MAX;
    return vm_add_device(vm, &parts[0]) && vm_add_device(vm, &parts[1]) && vm_add_device(vm, &parts[2]);
}

/* Under the built-in SBI the timer is the supervisor's. */
void aclint_update_timer(struct vm *vm, struct hart *h)
{
    enum interrupt bit = vm->mode == VM_MODE_SUPERVISOR ? IRQ_STI : IRQ_MTI;
    uint64_t mask = (uint64_t)1 << bit;
    h->mip = vm_time(vm) >= vm->mtimecmp[h->id] ? h->mip | mask : h->mip & ~mask;
}

void aclint_timer_moved(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.harts; i++) {
        struct hart *h = vm->harts[i];
        aclint_update_timer(vm, h);
        h->stop = h->leave = true;
    }
}

uint64_t aclint_deadline(const struct vm *vm)
{
    uint64_t now = vm_time(vm), next = UINT64_MAX;
    for (uint32_t i = 0; i < vm->config.harts; i++)
        if (vm->mtimecmp[i] > now && vm->mtimecmp[i] < next)
            next = vm->mtimecmp[i];
    return next;
}

uint64_t aclint_distance(const struct vm *vm)
{
    if (vm->config.clock == VM_CLOCK_HOST)
        return HOST_CLOCK_SLICE;
    uint64_t deadline = aclint_deadline(vm), divisor = vm->config.ticks_divisor;
    uint64_t ticks = deadline - vm->clock_skip;  /* the retired count's share of the deadline, in ticks */
    if (deadline == UINT64_MAX || ticks > UINT64_MAX / divisor)
        return UINT64_MAX;
    return ticks * divisor - vm->retired;
}
