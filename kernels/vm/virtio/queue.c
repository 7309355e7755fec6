#include "vm/virtio/queue.h"

#define DESCRIPTOR_SIZE 16
#define RING_HEADER 4  /* flags and index, two bytes each */
#define USED_ENTRY 8
#define NO_PATH VM_PATH_COUNT

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
enum { NO_INTERRUPT = 1 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* One aligned field of a ring, by a single access: the guest may be looking at it. */
static uint16_t load_index(struct vm *vm, struct virtqueue *q, uint64_t address)
{
    const uint16_t *field = (const uint16_t *)(const void *)vm_ram_at(vm, address, sizeof *field, ACCESS_READ);
    if (!field) {
        q->broken = true;
        return 0;
    }
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store_index(struct vm *vm, struct virtqueue *q, uint64_t address, uint16_t value)
{
    uint16_t *field = (uint16_t *)(void *)vm_ram_at(vm, address, sizeof *field, ACCESS_WRITE);
    if (field)
        __atomic_store_n(field, value, __ATOMIC_RELEASE);
    else
        q->broken = true;
}

static void store_used(struct vm *vm, struct virtqueue *q, uint16_t at, uint32_t id, uint32_t length)
{
    uint64_t address = q->used + RING_HEADER + (uint64_t)USED_ENTRY * (at % q->size);
    uint32_t *entry = (uint32_t *)(void *)vm_ram_at(vm, address, USED_ENTRY, ACCESS_WRITE);
    if (!entry) {
        q->broken = true;
        return;
    }
    __atomic_store_n(&entry[0], id, __ATOMIC_RELAXED);
    __atomic_store_n(&entry[1], length, __ATOMIC_RELAXED);
}

static bool load_descriptor(struct vm *vm, uint64_t table, uint32_t index, struct descriptor *d)
{
    uint64_t address = table + (uint64_t)DESCRIPTOR_SIZE * index;
    const uint8_t *bytes = address >= table ? vm_ram_at(vm, address, DESCRIPTOR_SIZE, ACCESS_READ) : NULL;
    if (bytes)
        memcpy(d, bytes, sizeof *d);
    return bytes != NULL;
}

bool queue_valid(const struct virtqueue *q)
{
    bool sized = q->size > 0 && q->size <= QUEUE_MAX && !(q->size & (q->size - 1));
    return sized && q->descriptors % 16 == 0 && q->available % 2 == 0 && q->used % 4 == 0;
}

static bool add_segment(struct chain *chain, const struct descriptor *d)
{
    bool writable = d->flags & WRITE;
    if (chain->count == QUEUE_MAX || (!writable && chain->writable))
        return false;  /* too long, or something to read after something to write */
    chain->segments[chain->count++] = (struct segment){d->address, d->length, writable};
    *(writable ? &chain->writable : &chain->readable) += d->length;
    return true;
}

/* Follows descriptors of a table from `index` on. More of them than the table holds go in a circle. */
static bool walk(struct vm *vm, struct chain *chain, uint64_t table, uint32_t entries, uint32_t index, bool nested)
{
    struct descriptor d;
    for (uint32_t seen = 0; seen < entries; seen++) {
        if (index >= entries || !load_descriptor(vm, table, index, &d))
            return false;
        if (d.flags & INDIRECT) {
            if (nested || (d.flags & NEXT) || d.length == 0 || d.length % DESCRIPTOR_SIZE)
                return false;
            return walk(vm, chain, d.address, d.length / DESCRIPTOR_SIZE, 0, true);
        }
        if (!add_segment(chain, &d))
            return false;
        if (!(d.flags & NEXT))
            return true;
        index = d.next;
    }
    return false;
}

bool queue_pop(struct vm *vm, struct virtqueue *q, struct chain *chain)
{
    if (!q->ready || q->broken)
        return false;
    uint16_t filled = load_index(vm, q, q->available + 2), waiting = (uint16_t)(filled - q->next);
    if (q->broken || waiting == 0)
        return false;
    uint16_t head = load_index(vm, q, q->available + RING_HEADER + 2 * (uint64_t)(q->next % q->size));
    *chain = (struct chain){.head = head};
    if (q->broken || waiting > q->size || !walk(vm, chain, q->descriptors, q->size, head, false)) {
        q->broken = true;
        return false;
    }
    q->next++;
    return true;
}

bool queue_push(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t written)
{
    if (q->broken)
        return false;
    store_used(vm, q, q->returned, chain->head, (uint32_t)written);
    q->returned++;
    store_index(vm, q, q->used + 2, q->returned);
    return !(load_index(vm, q, q->available) & NO_INTERRUPT) && !q->broken;
}

void queue_save(const struct virtqueue *q, struct stream *to)
{
    const uint64_t fields[] = {q->descriptors, q->available, q->used, q->size, q->ready, q->broken, q->next, q->returned};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
}

bool queue_load(struct virtqueue *q, struct stream *from)
{
    q->descriptors = stream_read_u64(from);
    q->available = stream_read_u64(from);
    q->used = stream_read_u64(from);
    q->size = (uint32_t)stream_read_u64(from);
    q->ready = stream_read_u64(from) & 1;
    q->broken = stream_read_u64(from) & 1;
    q->next = (uint16_t)stream_read_u64(from);
    q->returned = (uint16_t)stream_read_u64(from);
    return !from->failed && (!q->ready || queue_valid(q));
}

static void move_piece(struct vm *vm, uint8_t *guest, uint8_t *host, uint64_t n, bool to_guest, enum vm_path path)
{
    uint8_t *dst = to_guest ? guest : host, *src = to_guest ? host : guest;
    if (path == NO_PATH)
        memcpy(dst, src, n);
    else
        vm_copy(vm, path, dst, src, n);
}

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Within one segment, cut at multiples of the split; false where it leaves RAM. */
static bool move_segment(struct vm *vm, uint64_t address, uint8_t *host, uint64_t n, bool to_guest, struct movement how)
{
    while (n) {
        uint64_t piece = how.split ? at_most(n, how.split - address % how.split) : n;
        uint8_t *guest = vm_ram_at(vm, address, piece, to_guest ? ACCESS_WRITE : ACCESS_READ);
        if (!guest)
            return false;
        move_piece(vm, guest, host, piece, to_guest, how.path);
        address += piece;
        host += piece;
        n -= piece;
    }
    return true;
}

static uint64_t move(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, uint8_t *host,
                     uint64_t n, bool to_guest, struct movement how)
{
    uint64_t done = 0;
    for (uint32_t i = 0; i < chain->count && done < n; i++) {
        const struct segment *s = &chain->segments[i];
        if (s->writable != to_guest)
            continue;
        if (offset >= s->length) {
            offset -= s->length;
            continue;
        }
        uint64_t piece = at_most(n - done, s->length - offset);
        if (s->address + offset < s->address || !move_segment(vm, s->address + offset, host + done, piece, to_guest, how)) {
            q->broken = true;
            return done;
        }
        done += piece;
        offset = 0;
    }
    return done;
}

uint64_t chain_read(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, void *to, uint64_t n,
                    struct movement how)
{
    return move(vm, q, chain, offset, to, n, false, how);
}

uint64_t chain_write(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, const void *from,
                     uint64_t n, struct movement how)
{
    return move(vm, q, chain, offset, (uint8_t *)(uintptr_t)from, n, true, how);
}

bool chain_read_header(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, void *to, size_t n)
{
    return chain_read(vm, q, chain, offset, to, n, (struct movement){.path = NO_PATH}) == n;
}

bool chain_write_header(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, const void *from,
                        size_t n)
{
    return chain_write(vm, q, chain, offset, from, n, (struct movement){.path = NO_PATH}) == n;
}
