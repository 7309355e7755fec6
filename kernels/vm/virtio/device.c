/* virtio devices in their slots: attached, found again, saved and loaded. */
#include <stdlib.h>

#include "vm/virtio/mmio.h"

#define SLOT_BASE UINT64_C(0x10001000)  /* addresses and lines as on QEMU's virt board */
#define SLOT_SIZE UINT64_C(0x1000)
#define FIRST_IRQ 1

static void device_reset(void *opaque) { virtio_reset(opaque); }

static void device_poll(void *opaque)
{
    struct virtio *d = opaque;
    if (d->kind->poll)
        d->kind->poll(d);
}

static void device_destroy(void *opaque)
{
    struct virtio *d = opaque;
    if (d->kind->destroy)
        d->kind->destroy(d);
    free(d);
}

static void device_save(void *opaque, struct stream *to)
{
    struct virtio *d = opaque;
    const uint64_t fields[] = {d->kind->id, d->driver_features, d->status, d->interrupts, d->device_select,
                               d->driver_select, d->queue_select, d->generation};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    stream_write(to, d->config, sizeof d->config);
    for (uint32_t i = 0; i < d->kind->queues; i++)
        queue_save(&d->queues[i], to);
    if (d->kind->save)
        d->kind->save(d, to);
}

static bool load_registers(struct virtio *d, struct stream *from)
{
    uint32_t *const registers[] = {&d->status, &d->interrupts, &d->device_select, &d->driver_select,
                                   &d->queue_select, &d->generation};
    if (stream_read_u64(from) != d->kind->id)
        return false;
    d->driver_features = stream_read_u64(from);
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
        uint64_t value = stream_read_u64(from);
        if (value > UINT32_MAX)
            return false;
        *registers[i] = (uint32_t)value;
    }
    stream_read(from, d->config, sizeof d->config);
    return !from->failed && virtio_registers_are_sound(d);
}

static bool device_load(void *opaque, struct stream *from)
{
    struct virtio *d = opaque;
    bool sound = load_registers(d, from);
    for (uint32_t i = 0; sound && i < d->kind->queues; i++)
        sound = queue_load(d->vm, &d->queues[i], from);
    if (!sound || (d->kind->load && !d->kind->load(d, from))) {
        virtio_reset(d);
        return false;
    }
    vm_set_irq(d->vm, d->irq, d->interrupts != 0);
    return true;
}

struct virtio *virtio_at(struct vm *vm, uint32_t slot, const struct virtio_kind *kind)
{
    for (uint32_t i = 0; i < vm->device_count; i++) {
        struct virtio *d = vm->devices[i].read == virtio_register_read ? vm->devices[i].opaque : NULL;
        if (d && d->slot == slot && (!kind || d->kind == kind))
            return d;
    }
    return NULL;
}

static bool add_to_bus(struct virtio *d)
{
    const struct device device = {
        .reset = device_reset, .name = d->kind->name, .base = SLOT_BASE + d->slot * SLOT_SIZE, .size = SLOT_SIZE,
        .read = virtio_register_read, .write = virtio_register_write, .poll = device_poll,
        .destroy = device_destroy, .save = device_save, .load = device_load, .opaque = d,
        .compatible = "virtio,mmio", .irq = d->irq,
    };
    return vm_add_device(d->vm, &device);
}

struct virtio *virtio_attach(struct vm *vm, const struct virtio_kind *kind, uint64_t features, void *state)
{
    uint32_t slot = 0;
    while (slot < VIRTIO_SLOTS && virtio_at(vm, slot, NULL))
        slot++;
    if (slot == VIRTIO_SLOTS) {
        vm_fail(vm, "all %d slots for virtio devices are taken; leave one device out", VIRTIO_SLOTS);
        return NULL;
    }
    struct virtio *d = calloc(1, sizeof *d);
    if (!d) {
        vm_fail(vm, "no memory is left for a %s device", kind->name);
        return NULL;
    }
    *d = (struct virtio){.vm = vm, .kind = kind, .state = state, .slot = slot, .irq = FIRST_IRQ + slot,
                         .features = VIRTIO_TRANSPORT_FEATURES | kind->features | features};
    for (uint32_t i = 0; i < kind->queues; i++)
        queue_reset(&d->queues[i]);
    if (!add_to_bus(d)) {
        free(d);
        return NULL;
    }
    return d;
}

void virtio_config_set(struct virtio *d, uint32_t offset, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        d->config[offset + i] = (uint8_t)(value >> 8 * i);
    d->generation++;
}
