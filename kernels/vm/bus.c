/* Devices at their addresses, and their wires to the harts. */
#include "vm/hart.h"

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

bool vm_add_device(struct vm *vm, const struct device *device)
{
    uint64_t base = device->base, size = device->size;
    if (size == 0 || base + size < base || overlap(base, size, RAM_BASE, vm->ram_size)) {
        vm_fail(vm, "device %s at 0x%llx does not fit beside RAM", device->name, (unsigned long long)base);
        return false;
    }
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (overlap(base, size, vm->devices[i].base, vm->devices[i].size)) {
            vm_fail(vm, "devices %s and %s overlap", device->name, vm->devices[i].name);
            return false;
        }
    if (vm->device_count == MAX_DEVICES) {
        vm_fail(vm, "device %s is one too many: a machine holds %d", device->name, MAX_DEVICES);
        return false;
    }
    vm->devices[vm->device_count++] = *device;
    return true;
}

static const struct device *device_at(const struct vm *vm, uint64_t address, unsigned width)
{
    for (uint32_t i = 0; i < vm->device_count; i++) {
        const struct device *d = &vm->devices[i];
        if (address >= d->base && address - d->base <= d->size - width && d->size >= width)
            return d;
    }
    return NULL;
}

bool bus_read(struct vm *vm, uint64_t address, unsigned width, uint64_t *value)
{
    const struct device *d = device_at(vm, address, width);
    if (!d)
        return false;
    *value = d->read(d->opaque, address - d->base, width);
    return true;
}

bool bus_write(struct vm *vm, uint64_t address, uint64_t value, unsigned width)
{
    const struct device *d = device_at(vm, address, width);
    if (!d)
        return false;
    if (width < 8)
        value &= ((uint64_t)1 << 8 * width) - 1;
    d->write(d->opaque, address - d->base, value, width);
    return true;
}

void vm_set_irq(struct vm *vm, uint32_t line, bool level)
{
    if (vm->irq_sink)
        vm->irq_sink(vm->irq_opaque, line, level);
}

void vm_set_pending(struct vm *vm, uint32_t hart, enum interrupt bit, bool level)
{
    struct hart *h = vm->harts[hart];
    uint64_t mask = (uint64_t)1 << bit;
    if (bit == IRQ_SEI)
        h->external_seip = level;
    else
        h->mip = level ? h->mip | mask : h->mip & ~mask;
    h->stop = true;
}
