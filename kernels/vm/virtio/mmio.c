#include "vm/virtio/mmio.h"

#include <stdlib.h>

#define BASE 0x10001000
#define STRIDE 0x1000
#define SLOTS 8
#define FIRST_LINE 1
#define MAGIC 0x74726976
#define VENDOR 0x4f5243  /* "CRO" */

enum reg {
    REG_MAGIC = 0x000, REG_VERSION = 0x004, REG_DEVICE = 0x008, REG_VENDOR = 0x00c, REG_FEATURES = 0x010,
    REG_FEATURE_WORD = 0x014, REG_ACCEPTED = 0x020, REG_ACCEPTED_WORD = 0x024, REG_QUEUE = 0x030, REG_QUEUE_MAX = 0x034,
    REG_QUEUE_SIZE = 0x038, REG_QUEUE_READY = 0x044, REG_NOTIFY = 0x050, REG_INTERRUPTS = 0x060, REG_ACKNOWLEDGE = 0x064,
    REG_STATUS = 0x070, REG_DESCRIPTORS = 0x080, REG_AVAILABLE = 0x090, REG_USED = 0x0a0, REG_SHARED_FIRST = 0x0b0,
    REG_SHARED_LAST = 0x0bc, REG_GENERATION = 0x0fc, REG_CONFIG = 0x100
};
enum { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_NEEDS_RESET = 64 };
enum { INTERRUPT_QUEUE = 1, INTERRUPT_CONFIG = 2 };

static void update_line(struct virtio *v) { vm_set_irq(v->vm, v->line, v->interrupts != 0); }

static void raise(struct virtio *v, uint32_t reason)
{
    v->interrupts |= reason;
    update_line(v);
}

static void check_broken(struct virtio *v)
{
    for (uint32_t i = 0; i < v->queue_count; i++)
        if (v->queues[i].broken && !(v->status & STATUS_NEEDS_RESET)) {
            v->status |= STATUS_NEEDS_RESET;
            raise(v, INTERRUPT_CONFIG);
        }
}

static void reset(struct virtio *v)
{
    memset(v->queues, 0, sizeof v->queues);
    v->accepted = 0;
    v->feature_word = v->accepted_word = v->selected = v->status = v->interrupts = 0;
    if (v->kind->reset)
        v->kind->reset(v);
    update_line(v);
}

bool virtio_running(const struct virtio *v)
{
    return (v->status & STATUS_DRIVER_OK) && !(v->status & STATUS_NEEDS_RESET);
}

bool virtio_take(struct virtio *v, uint32_t queue)
{
    bool taken = virtio_running(v) && queue_pop(v->vm, &v->queues[queue], &v->chain);
    check_broken(v);
    return taken;
}

void virtio_return(struct virtio *v, uint32_t queue, uint64_t written)
{
    if (queue_push(v->vm, &v->queues[queue], &v->chain, written))
        raise(v, INTERRUPT_QUEUE);
    check_broken(v);
}

void virtio_config_changed(struct virtio *v)
{
    v->generation++;
    raise(v, INTERRUPT_CONFIG);
}

static uint64_t read_config(const struct virtio *v, uint64_t at, unsigned width)
{
    uint64_t value = 0;
    if (at <= VIRTIO_CONFIG - width)
        memcpy(&value, v->config + at, width);
    return value;
}

static uint64_t virtio_read(void *opaque, uint64_t offset, unsigned width)
{
    const struct virtio *v = opaque;
    if (offset >= REG_CONFIG)
        return read_config(v, offset - REG_CONFIG, width);
    if (width != 4)
        return 0;
    const struct virtqueue *q = v->selected < v->queue_count ? &v->queues[v->selected] : NULL;
    if (offset >= REG_SHARED_FIRST && offset <= REG_SHARED_LAST)
        return UINT32_MAX;  /* there is no shared memory */
    switch ((enum reg)offset) {
    case REG_MAGIC: return MAGIC;
    case REG_VERSION: return 2;
    case REG_DEVICE: return v->kind->id;
    case REG_VENDOR: return VENDOR;
    case REG_FEATURES: return v->feature_word < 2 ? (uint32_t)(v->features >> 32 * v->feature_word) : 0;
    case REG_QUEUE_MAX: return q ? QUEUE_MAX : 0;
    case REG_QUEUE_READY: return q ? q->ready : 0;
    case REG_INTERRUPTS: return v->interrupts;
    case REG_STATUS: return v->status;
    case REG_GENERATION: return v->generation;
    default: return 0;
    }
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
    *value = high ? (*value & UINT32_MAX) | (uint64_t)half << 32 : (*value & ~(uint64_t)UINT32_MAX) | half;
}

static void make_ready(struct virtqueue *q, bool ready)
{
    q->ready = ready;
    if (!ready) {
        q->next = q->returned = 0;
    } else if (!queue_valid(q)) {
        q->ready = false;
        q->broken = true;
    }
}

static void write_queue(struct virtqueue *q, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_QUEUE_SIZE: q->size = value; break;
    case REG_QUEUE_READY: make_ready(q, value & 1); break;
    case REG_DESCRIPTORS: case REG_DESCRIPTORS + 4: set_half(&q->descriptors, offset & 4, value); break;
    case REG_AVAILABLE: case REG_AVAILABLE + 4: set_half(&q->available, offset & 4, value); break;
    case REG_USED: case REG_USED + 4: set_half(&q->used, offset & 4, value); break;
    default: break;
    }
}

static void write_status(struct virtio *v, uint32_t value)
{
    if (value == 0) {
        reset(v);
        return;
    }
    bool acceptable = !(v->accepted & ~v->features) && (v->accepted & VIRTIO_F_VERSION_1);
    if ((value & STATUS_FEATURES_OK) && !acceptable)
        value &= ~(uint32_t)STATUS_FEATURES_OK;
    v->status = (v->status & STATUS_NEEDS_RESET) | (value & 0xff);
}

static void virtio_write(void *opaque, uint64_t offset, uint64_t value, unsigned width)
{
    struct virtio *v = opaque;
    uint32_t word = (uint32_t)value;
    if (width != 4)
        return;
    switch (offset) {
    case REG_FEATURE_WORD: v->feature_word = word; break;
    case REG_ACCEPTED_WORD: v->accepted_word = word; break;
    case REG_ACCEPTED:
        if (v->accepted_word < 2 && !(v->status & STATUS_FEATURES_OK))
            set_half(&v->accepted, v->accepted_word, word);
        break;
    case REG_QUEUE: v->selected = word; break;
    case REG_NOTIFY:
        if (word < v->queue_count && virtio_running(v))
            v->kind->notify(v, word);
        break;
    case REG_ACKNOWLEDGE:
        v->interrupts &= ~word;
        update_line(v);
        break;
    case REG_STATUS: write_status(v, word); break;
    default:
        if (v->selected < v->queue_count && !(v->queues[v->selected].ready && offset != REG_QUEUE_READY))
            write_queue(&v->queues[v->selected], offset, word);
        break;
    }
    check_broken(v);
}

static void virtio_save(void *opaque, struct stream *to)
{
    struct virtio *v = opaque;
    const uint64_t fields[] = {v->accepted, v->feature_word, v->accepted_word, v->selected,
                               v->status, v->interrupts, v->generation};
    stream_write_u64(to, v->kind->id);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    for (uint32_t i = 0; i < v->queue_count; i++)
        queue_save(&v->queues[i], to);
    if (v->kind->save)
        v->kind->save(v, to);
}

static bool virtio_load(void *opaque, struct stream *from)
{
    struct virtio *v = opaque;
    bool good = stream_read_u64(from) == v->kind->id;
    v->accepted = stream_read_u64(from);
    v->feature_word = (uint32_t)stream_read_u64(from);
    v->accepted_word = (uint32_t)stream_read_u64(from);
    v->selected = (uint32_t)stream_read_u64(from);
    v->status = (uint32_t)stream_read_u64(from);
    v->interrupts = (uint32_t)stream_read_u64(from);
    v->generation = (uint32_t)stream_read_u64(from);
    for (uint32_t i = 0; i < v->queue_count; i++)
        good = queue_load(&v->queues[i], from) && good;
    return good && !from->failed && (!v->kind->load || v->kind->load(v, from));
}

static void virtio_destroy(void *opaque)
{
    struct virtio *v = opaque;
    v->kind->destroy(v);
    free(v);
}

/* The device at this address; NULL: none. */
static struct virtio *at_address(struct vm *vm, uint64_t base)
{
    for (uint32_t i = 0; i < vm->device_count; i++)
        if (vm->devices[i].base == base && vm->devices[i].read == virtio_read)
            return vm->devices[i].opaque;
    return NULL;
}

struct virtio *virtio_at(struct vm *vm, uint32_t slot, const struct virtio_kind *kind)
{
    struct virtio *v = slot < SLOTS ? at_address(vm, BASE + (uint64_t)slot * STRIDE) : NULL;
    return v && v->kind == kind ? v : NULL;
}

uint32_t virtio_slot(const struct virtio *v) { return v->line - FIRST_LINE; }

static uint32_t free_slot(struct vm *vm)
{
    uint32_t slot = 0;
    while (slot < SLOTS && at_address(vm, BASE + (uint64_t)slot * STRIDE))
        slot++;
    return slot;
}

struct virtio *virtio_attach(struct vm *vm, const struct virtio_kind *kind, uint64_t features, uint32_t queues, void *state)
{
    uint32_t slot = free_slot(vm);
    struct virtio *v = calloc(1, sizeof *v);
    if (!v) {
        vm_fail(vm, "no memory is left for the %s device", kind->name);
        free(state);
        return NULL;
    }
    *v = (struct virtio){.kind = kind, .vm = vm, .line = FIRST_LINE + slot, .queue_count = queues, .state = state,
                         .features = features | VIRTIO_F_VERSION_1};
    const struct device device = {
        .name = kind->name, .base = BASE + (uint64_t)slot * STRIDE, .size = STRIDE, .read = virtio_read,
        .write = virtio_write, .save = virtio_save, .load = virtio_load, .destroy = virtio_destroy, .opaque = v,
        .compatible = "virtio,mmio", .irq = v->line};
    if (slot < SLOTS && vm_add_device(vm, &device))
        return v;
    if (slot == SLOTS)
        vm_fail(vm, "the %s device is one too many: a machine has %d virtio slots", kind->name, SLOTS);
    virtio_destroy(v);
    return NULL;
}
