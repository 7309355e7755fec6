/* Split virtqueues. The driver is not trusted: each ring access is checked, and a broken rule breaks the queue. */
#include "vm/virtio/queue.h"

enum descriptor_flag { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

#define DESCRIPTOR_SIZE 16
#define AVAIL_NO_INTERRUPT 1
#define RING_HEADER 4   /* flags and index, before the entries of both rings */
#define AVAIL_ENTRY 2
#define USED_ENTRY 8
#define EVENT_SIZE 2    /* the field after the entries */

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* A table of descriptors: the queue's own or an indirect one. */
struct table {
    uint64_t address;
    uint32_t size;
};

void queue_reset(struct queue *q) { *q = (struct queue){.size = QUEUE_MAX_SIZE}; }

static bool rings_are_sound(struct vm *vm, const struct queue *q)
{
    uint32_t size = q->size;
    return size && size <= QUEUE_MAX_SIZE && !(size & (size - 1)) && q->descriptors % DESCRIPTOR_SIZE == 0 &&
           q->available % 2 == 0 && q->used % 4 == 0 && guest_holds(vm, q->descriptors, size * DESCRIPTOR_SIZE) &&
           guest_holds(vm, q->available, RING_HEADER + size * AVAIL_ENTRY + EVENT_SIZE) &&
           guest_holds(vm, q->used, RING_HEADER + size * USED_ENTRY + EVENT_SIZE);
}

void queue_enable(struct vm *vm, struct queue *q)
{
    q->enabled = rings_are_sound(vm, q);
    q->broken = !q->enabled;
}

static bool read_descriptor(struct vm *vm, const struct table *table, uint32_t index, struct descriptor *d)
{
    uint64_t at = table->address + (uint64_t)index * DESCRIPTOR_SIZE, address, rest;
    if (index >= table->size || !guest_load(vm, at, 8, &address) || !guest_load(vm, at + 8, 8, &rest))
        return false;
    *d = (struct descriptor){.address = address, .length = (uint32_t)rest, .flags = (uint16_t)(rest >> 32),
                             .next = (uint16_t)(rest >> 48)};
    return true;
}

/* An indirect descriptor stands alone for a table of its own; the driver may align it as it likes, but we ask for
   the 8 bytes that keep its fields whole. */
static bool enter_indirect(struct vm *vm, const struct queue *q, const struct descriptor *d, struct table *table)
{
    if (!q->indirect || d->flags != DESC_INDIRECT || d->length == 0 || d->length % DESCRIPTOR_SIZE)
        return false;
    *table = (struct table){.address = d->address, .size = d->length / DESCRIPTOR_SIZE};
    return d->address % 8 == 0 && guest_holds(vm, d->address, d->length);
}

static bool add_segment(struct vm *vm, struct chain *chain, const struct descriptor *d)
{
    uint32_t count = chain->readable + chain->writable;
    bool writable = d->flags & DESC_WRITE;
    if (count == CHAIN_MAX_SEGMENTS || (!writable && chain->writable) || !guest_holds(vm, d->address, d->length))
        return false;
    chain->segments[count] = (struct segment){.address = d->address, .length = d->length};
    chain->readable += !writable;
    chain->writable += writable;
    return true;
}

/* Follows the chain from its head; a chain that is longer than its table is a loop. */
static bool walk(struct vm *vm, const struct queue *q, struct chain *chain)
{
    struct table table = {.address = q->descriptors, .size = q->size};
    struct descriptor d;
    uint32_t index = chain->head, steps = 0;
    if (!read_descriptor(vm, &table, index, &d))
        return false;
    if (d.flags & DESC_INDIRECT) {
        if (!enter_indirect(vm, q, &d, &table) || !read_descriptor(vm, &table, 0, &d))
            return false;
    }
    while (!(d.flags & DESC_INDIRECT) && add_segment(vm, chain, &d)) {
        if (!(d.flags & DESC_NEXT))
            return chain_readable_bytes(chain) + chain_writable_bytes(chain) <= UINT32_MAX;
        if (++steps == table.size || !read_descriptor(vm, &table, d.next, &d))
            return false;
    }
    return false;
}

static bool break_queue(struct queue *q)
{
    q->broken = true;
    return false;
}

/* With event indices the driver kicks only when its index passes this one. */
static bool publish_available_event(struct vm *vm, struct queue *q)
{
    return !q->event_index ||
           guest_store(vm, q->used + RING_HEADER + (uint64_t)q->size * USED_ENTRY, 2, q->next_available) ||
           break_queue(q);
}

bool queue_pop(struct vm *vm, struct queue *q, struct chain *chain)
{
    uint64_t index, head;
    if (!q->enabled || q->broken)
        return false;
    if (!guest_load(vm, q->available + 2, 2, &index) || (uint16_t)(index - q->next_available) > q->size)
        return break_queue(q);
    if ((uint16_t)index == q->next_available)
        return publish_available_event(vm, q) && false;
    uint64_t slot = q->next_available % q->size;
    if (!guest_load(vm, q->available + RING_HEADER + slot * AVAIL_ENTRY, 2, &head))
        return break_queue(q);
    chain->head = (uint16_t)head;
    chain->readable = chain->writable = 0;
    if (!walk(vm, q, chain))
        return break_queue(q);
    q->next_available++;
    return true;
}

/* Each push moves the index by one, so passing the driver's event is meeting it. */
static bool wants_interrupt(struct vm *vm, const struct queue *q)
{
    uint64_t flags, event;
    if (q->event_index)
        return guest_load(vm, q->available + RING_HEADER + (uint64_t)q->size * AVAIL_ENTRY, 2, &event) &&
               (uint16_t)(q->next_used - 1) == event;
    return guest_load(vm, q->available, 2, &flags) && !(flags & AVAIL_NO_INTERRUPT);
}

bool queue_push(struct vm *vm, struct queue *q, const struct chain *chain, uint32_t written)
{
    uint64_t entry = q->used + RING_HEADER + (uint64_t)(q->next_used % q->size) * USED_ENTRY;
    if (!guest_store(vm, entry, 4, chain->head) || !guest_store(vm, entry + 4, 4, written))
        return break_queue(q);
    q->next_used++;
    return guest_store(vm, q->used + 2, 2, q->next_used) ? wants_interrupt(vm, q) : break_queue(q);
}

struct cursor chain_reader(const struct chain *chain) { return cursor_at(chain->segments, chain->readable); }

struct cursor chain_writer(const struct chain *chain)
{
    return cursor_at(chain->segments + chain->readable, chain->writable);
}

uint64_t chain_readable_bytes(const struct chain *chain) { return segments_size(chain->segments, chain->readable); }

uint64_t chain_writable_bytes(const struct chain *chain)
{
    return segments_size(chain->segments + chain->readable, chain->writable);
}

void queue_save(const struct queue *q, struct stream *to)
{
    const uint64_t fields[] = {q->size, q->descriptors, q->available, q->used, q->next_available, q->next_used,
                               q->enabled, q->broken, q->indirect, q->event_index};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
}

bool queue_load(struct vm *vm, struct queue *q, struct stream *from)
{
    uint64_t size = stream_read_u64(from);
    q->size = (uint16_t)size;
    q->descriptors = stream_read_u64(from);
    q->available = stream_read_u64(from);
    q->used = stream_read_u64(from);
    uint64_t next_available = stream_read_u64(from), next_used = stream_read_u64(from), flags = 0;
    q->next_available = (uint16_t)next_available;
    q->next_used = (uint16_t)next_used;
    bool *const bools[] = {&q->enabled, &q->broken, &q->indirect, &q->event_index};
    for (size_t i = 0; i < sizeof bools / sizeof *bools; i++) {
        uint64_t value = stream_read_u64(from);
        *bools[i] = value;
        flags |= value;
    }
    return !from->failed && size <= UINT16_MAX && next_available <= UINT16_MAX && next_used <= UINT16_MAX &&
           flags <= 1 && (!q->enabled || rings_are_sound(vm, q));
}
