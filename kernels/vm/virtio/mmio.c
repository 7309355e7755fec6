/* The registers of virtio-mmio, version 2. */
#include "vm/virtio/mmio.h"

#define MAGIC 0x74726976  /* "virt" */
#define TRANSPORT_VERSION 2
#define VENDOR 0x4d565843  /* "CXVM" */
#define NO_SHARED_MEMORY UINT32_MAX

enum mmio_register {
    REG_MAGIC = 0x00, REG_VERSION = 0x04, REG_DEVICE_ID = 0x08, REG_VENDOR_ID = 0x0c, REG_DEVICE_FEATURES = 0x10,
    REG_DEVICE_FEATURES_SELECT = 0x14, REG_DRIVER_FEATURES = 0x20, REG_DRIVER_FEATURES_SELECT = 0x24,
    REG_QUEUE_SELECT = 0x30, REG_QUEUE_SIZE_MAX = 0x34, REG_QUEUE_SIZE = 0x38, REG_QUEUE_READY = 0x44,
    REG_QUEUE_NOTIFY = 0x50, REG_INTERRUPT_STATUS = 0x60, REG_INTERRUPT_ACK = 0x64, REG_STATUS = 0x70,
    REG_DESC_LOW = 0x80, REG_DESC_HIGH = 0x84, REG_DRIVER_LOW = 0x90, REG_DRIVER_HIGH = 0x94,
    REG_DEVICE_LOW = 0xa0, REG_DEVICE_HIGH = 0xa4, REG_SHM_LENGTH_LOW = 0xb0, REG_SHM_LENGTH_HIGH = 0xb4,
    REG_SHM_BASE_LOW = 0xb8, REG_SHM_BASE_HIGH = 0xbc, REG_GENERATION = 0xfc, REG_CONFIG = 0x100
};

enum status_bit { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64, STATUS_FAILED = 128 };

static void update_irq(const struct virtio *d) { vm_set_irq(d->vm, d->irq, d->interrupts != 0); }

static void interrupt(struct virtio *d, enum virtio_interrupt why)
{
    d->interrupts |= why;
    update_irq(d);
}

void virtio_reset(struct virtio *d)
{
    d->driver_features = 0;
    d->status = d->interrupts = 0;
    d->device_select = d->driver_select = d->queue_select = 0;
    for (uint32_t i = 0; i < d->kind->queues; i++)
        queue_reset(&d->queues[i]);
    if (d->kind->reset)
        d->kind->reset(d);
    update_irq(d);
}

void virtio_fail(struct virtio *d)
{
    d->status |= STATUS_NEEDS_RESET;
    if (d->status & STATUS_DRIVER_OK)
        interrupt(d, VIRTIO_CONFIG_CHANGE);
}

bool virtio_running(const struct virtio *d)
{
    return (d->status & STATUS_DRIVER_OK) && !(d->status & (STATUS_NEEDS_RESET | STATUS_FAILED));
}

bool virtio_take(struct virtio *d, uint32_t queue, struct chain *chain)
{
    struct queue *q = &d->queues[queue];
    if (!virtio_running(d))
        return false;
    bool taken = queue_pop(d->vm, q, chain);
    if (q->broken)
        virtio_fail(d);
    return taken;
}

void virtio_give(struct virtio *d, uint32_t queue, const struct chain *chain, uint32_t written)
{
    if (queue_push(d->vm, &d->queues[queue], chain, written))
        interrupt(d, VIRTIO_USED_BUFFER);
    if (d->queues[queue].broken)
        virtio_fail(d);
}

/* --- Registers ------------------------------------------------------------------------------------------ */

static struct queue *selected(struct virtio *d)
{
    return d->queue_select < d->kind->queues ? &d->queues[d->queue_select] : NULL;
}

static uint32_t config_read(const struct virtio *d, uint64_t offset, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width && offset + i < VIRTIO_CONFIG_SIZE; i++)
        value |= (uint64_t)d->config[offset + i] << 8 * i;
    return (uint32_t)value;
}

static uint32_t features_window(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

uint64_t virtio_register_read(void *opaque, uint64_t offset, unsigned width)
{
    struct virtio *d = opaque;
    const struct queue *q = selected(d);
    if (offset >= REG_CONFIG)
        return width <= 4 ? config_read(d, offset - REG_CONFIG, width) : 0;
    if (width != 4)
        return 0;
    switch (offset) {
    case REG_MAGIC: return MAGIC;
    case REG_VERSION: return TRANSPORT_VERSION;
    case REG_DEVICE_ID: return d->kind->id;
    case REG_VENDOR_ID: return VENDOR;
    case REG_DEVICE_FEATURES: return features_window(d->features, d->device_select);
    case REG_QUEUE_SIZE_MAX: return q ? QUEUE_MAX_SIZE : 0;
    case REG_QUEUE_READY: return q && q->enabled;
    case REG_INTERRUPT_STATUS: return d->interrupts;
    case REG_STATUS: return d->status;
    case REG_SHM_LENGTH_LOW: case REG_SHM_LENGTH_HIGH: case REG_SHM_BASE_LOW: case REG_SHM_BASE_HIGH:
        return NO_SHARED_MEMORY;
    case REG_GENERATION: return d->generation;
    default: return 0;
    }
}

/* Features count only until the driver has said that they are all. */
static void take_features(struct virtio *d, uint32_t value)
{
    if (d->driver_select >= 2 || d->status & STATUS_FEATURES_OK)
        return;
    unsigned shift = 32 * d->driver_select;
    d->driver_features = (d->driver_features & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static bool features_acceptable(const struct virtio *d)
{
    return (d->driver_features & VIRTIO_VERSION_1) && !(d->driver_features & ~d->features);
}

bool virtio_registers_are_sound(const struct virtio *d)
{
    return d->status <= UINT8_MAX && d->interrupts <= (VIRTIO_USED_BUFFER | VIRTIO_CONFIG_CHANGE) &&
           (!(d->status & STATUS_FEATURES_OK) || features_acceptable(d)) &&
           (!(d->status & STATUS_DRIVER_OK) || d->status & STATUS_FEATURES_OK);
}

static void set_status(struct virtio *d, uint32_t value)
{
    if (value == 0) {
        virtio_reset(d);
        return;
    }
    if (!features_acceptable(d))
        value &= ~(uint32_t)STATUS_FEATURES_OK;
    if (!((value | d->status) & STATUS_FEATURES_OK))
        value &= ~(uint32_t)STATUS_DRIVER_OK;
    d->status |= value & 0xff & ~(uint32_t)STATUS_NEEDS_RESET;
}

static void set_queue_ready(struct virtio *d, struct queue *q, bool ready)
{
    if (!ready) {
        queue_reset(q);
    } else if (!q->enabled && d->status & STATUS_FEATURES_OK) {
        q->indirect = d->driver_features & VIRTIO_INDIRECT_DESC;
        q->event_index = d->driver_features & VIRTIO_EVENT_IDX;
        queue_enable(d->vm, q);
        if (q->broken)
            virtio_fail(d);
    }
}

static void set_low(uint64_t *address, uint32_t value) { *address = (*address & ~(uint64_t)UINT32_MAX) | value; }
static void set_high(uint64_t *address, uint32_t value) { *address = (uint32_t)*address | (uint64_t)value << 32; }

/* A queue's size and rings stay as they are while it is enabled. */
static void queue_register_write(struct queue *q, uint64_t offset, uint32_t value)
{
    if (q->enabled)
        return;
    switch (offset) {
    case REG_QUEUE_SIZE: q->size = value <= QUEUE_MAX_SIZE ? (uint16_t)value : 0; break;
    case REG_DESC_LOW: set_low(&q->descriptors, value); break;
    case REG_DESC_HIGH: set_high(&q->descriptors, value); break;
    case REG_DRIVER_LOW: set_low(&q->available, value); break;
    case REG_DRIVER_HIGH: set_high(&q->available, value); break;
    case REG_DEVICE_LOW: set_low(&q->used, value); break;
    case REG_DEVICE_HIGH: set_high(&q->used, value); break;
    default: break;
    }
}

static void notify(struct virtio *d, uint32_t queue)
{
    if (queue < d->kind->queues && virtio_running(d) && d->kind->notify)
        d->kind->notify(d, queue);
}

/* Nothing in the configuration spaces of our devices can be written to effect. */
void virtio_register_write(void *opaque, uint64_t offset, uint64_t wide_value, unsigned width)
{
    struct virtio *d = opaque;
    struct queue *q = selected(d);
    uint32_t value = (uint32_t)wide_value;
    if (width != 4)
        return;
    switch (offset) {
    case REG_DEVICE_FEATURES_SELECT: d->device_select = value; break;
    case REG_DRIVER_FEATURES: take_features(d, value); break;
    case REG_DRIVER_FEATURES_SELECT: d->driver_select = value; break;
    case REG_QUEUE_SELECT: d->queue_select = value; break;
    case REG_QUEUE_READY:
        if (q)
            set_queue_ready(d, q, value & 1);
        break;
    case REG_QUEUE_NOTIFY: notify(d, value); break;
    case REG_INTERRUPT_ACK:
        d->interrupts &= ~value;
        update_irq(d);
        break;
    case REG_STATUS: set_status(d, value); break;
    default:
        if (q)
            queue_register_write(q, offset, value);
    }
}
