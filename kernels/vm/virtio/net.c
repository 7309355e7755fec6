/* virtio network device (virtio 1.2, section 5.1): frames between two queues and a backend on the host. */
#include <stdlib.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/virtio_api.h"

#define MAC_SIZE 6
#define WAITING_MAX 256  /* frames that may wait for the guest's buffers */

#define FEATURE_MAC ((uint64_t)1 << 5)
#define FEATURE_MERGEABLE_BUFFERS ((uint64_t)1 << 15)

enum net_queue { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES };

/* virtio_net_hdr: no offload is offered, so all fields stay 0 but the last. */
struct net_header {
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, checksum_start, checksum_offset, buffers;
};

_Static_assert(sizeof(struct net_header) == 12, "the payload follows 12 bytes of header");

struct frame {
    uint8_t *bytes;
    size_t size;
};

struct net {
    vm_net_send send;  /* NULL: loopback */
    vm_net_poll poll;
    void *user;
    struct vm_net_counters counters;
    struct frame waiting[WAITING_MAX];  /* a ring of counters.waiting frames */
    uint32_t first;
    uint8_t outgoing[VM_NET_FRAME_MAX];
};

static const struct virtio_kind net_kind;

/* --- To the guest ----------------------------------------------------------------------------------------*/

enum delivery { DELIVERED, NO_ROOM, NO_BUFFER };

/* Header and payload go into one buffer of the guest, with or without the feature of merging them. */
static enum delivery deliver(struct virtio *d, const uint8_t *frame, size_t size)
{
    const struct net_header header = {.buffers = 1};
    struct chain chain;
    if (!virtio_take(d, QUEUE_RECEIVE, &chain))
        return NO_BUFFER;
    struct cursor at = chain_writer(&chain);
    bool whole = chain_writable_bytes(&chain) >= sizeof header + size &&
                 cursor_write_fields(d->vm, &at, &header, sizeof header) &&
                 cursor_write(d->vm, VM_PATH_NET_RX, &at, frame, size, 0);
    virtio_give(d, QUEUE_RECEIVE, &chain, whole ? (uint32_t)(sizeof header + size) : 0);
    return whole ? DELIVERED : NO_ROOM;
}

static void count_delivery(struct net *n, enum delivery how)
{
    n->counters.received += how == DELIVERED;
    n->counters.dropped += how == NO_ROOM;
}

static bool enqueue(struct net *n, const uint8_t *frame, size_t size)
{
    uint8_t *bytes = n->counters.waiting < WAITING_MAX ? malloc(size) : NULL;
    if (!bytes)
        return false;
    memcpy(bytes, frame, size);
    n->waiting[(n->first + n->counters.waiting++) % WAITING_MAX] = (struct frame){.bytes = bytes, .size = size};
    return true;
}

static void dequeue(struct net *n)
{
    free(n->waiting[n->first].bytes);
    n->first = (n->first + 1) % WAITING_MAX;
    n->counters.waiting--;
}

static void deliver_waiting(struct virtio *d)
{
    struct net *n = d->state;
    while (n->counters.waiting) {
        enum delivery how = deliver(d, n->waiting[n->first].bytes, n->waiting[n->first].size);
        if (how == NO_BUFFER)
            return;
        count_delivery(n, how);
        dequeue(n);
    }
}

static bool receive(struct virtio *d, const uint8_t *frame, size_t size)
{
    struct net *n = d->state;
    if (!virtio_running(d) || size == 0 || size > VM_NET_FRAME_MAX) {
        n->counters.dropped++;
        return false;
    }
    enum delivery how = n->counters.waiting ? NO_BUFFER : deliver(d, frame, size);
    count_delivery(n, how);
    if (how == NO_BUFFER && !enqueue(n, frame, size)) {
        n->counters.dropped++;
        return false;
    }
    return how != NO_ROOM;
}

/* --- From the guest --------------------------------------------------------------------------------------*/

/* Gathers the frame after the chain's header; 0 where it is too long, and dropped. */
static size_t gather(struct virtio *d, const struct chain *chain)
{
    struct net *n = d->state;
    struct cursor at = chain_reader(chain);
    uint64_t size = chain_readable_bytes(chain) - sizeof(struct net_header);
    bool whole = size <= VM_NET_FRAME_MAX && cursor_skip(&at, sizeof(struct net_header)) &&
                 cursor_read(d->vm, VM_PATH_NET_TX, &at, n->outgoing, size, 0);
    n->counters.dropped += !whole;
    return whole ? size : 0;
}

static void transmit(struct virtio *d)
{
    struct net *n = d->state;
    struct chain chain;
    while (virtio_take(d, QUEUE_TRANSMIT, &chain)) {
        if (chain_readable_bytes(&chain) < sizeof(struct net_header)) {
            virtio_fail(d);
            return;
        }
        size_t size = gather(d, &chain);
        virtio_give(d, QUEUE_TRANSMIT, &chain, 0);
        if (size == 0)
            continue;
        n->counters.sent++;
        if (n->send)
            n->send(n->user, n->outgoing, size);
        else
            receive(d, n->outgoing, size);
    }
}

static void net_notify(struct virtio *d, uint32_t queue)
{
    if (queue == QUEUE_TRANSMIT)
        transmit(d);
    else
        deliver_waiting(d);
}

static void net_poll(struct virtio *d)
{
    const struct net *n = d->state;
    if (n->poll)
        n->poll(n->user);
}

/* --- State ---------------------------------------------------------------------------------------------- */

static void net_reset(struct virtio *d)
{
    struct net *n = d->state;
    while (n->counters.waiting)
        dequeue(n);
}

static void net_destroy(struct virtio *d)
{
    net_reset(d);
    free(d->state);
}

static void net_save(struct virtio *d, struct stream *to)
{
    const struct net *n = d->state;
    stream_write_u64(to, n->counters.sent);
    stream_write_u64(to, n->counters.received);
    stream_write_u64(to, n->counters.dropped);
    stream_write_u64(to, n->counters.waiting);
    for (uint32_t i = 0; i < n->counters.waiting; i++) {
        const struct frame *f = &n->waiting[(n->first + i) % WAITING_MAX];
        stream_write_u64(to, f->size);
        stream_write(to, f->bytes, f->size);
    }
}

/* `outgoing` is free outside of `transmit`, and holds the frames on their way in. */
static bool net_load(struct virtio *d, struct stream *from)
{
    struct net *n = d->state;
    net_reset(d);
    n->counters.sent = stream_read_u64(from);
    n->counters.received = stream_read_u64(from);
    n->counters.dropped = stream_read_u64(from);
    uint64_t waiting = stream_read_u64(from);
    for (uint64_t i = 0; i < waiting && waiting <= WAITING_MAX; i++) {
        uint64_t size = stream_read_u64(from);
        if (size == 0 || size > VM_NET_FRAME_MAX)
            return false;
        stream_read(from, n->outgoing, size);
        if (from->failed || !enqueue(n, n->outgoing, size))
            return false;
    }
    return !from->failed && waiting <= WAITING_MAX;
}

static const struct virtio_kind net_kind = {
    .name = "virtio-net", .id = VIRTIO_NET, .queues = QUEUES, .features = FEATURE_MAC | FEATURE_MERGEABLE_BUFFERS,
    .notify = net_notify, .reset = net_reset, .poll = net_poll, .destroy = net_destroy, .save = net_save,
    .load = net_load,
};

/* --- For the host --------------------------------------------------------------------------------------- */

int vm_attach_net(struct vm *vm, const uint8_t *mac, vm_net_send send, vm_net_poll poll, void *user)
{
    struct net *n = calloc(1, sizeof *n);
    if (!n) {
        vm_fail(vm, "no memory is left for a network card");
        return -1;
    }
    n->send = send;
    n->poll = poll;
    n->user = user;
    struct virtio *d = virtio_attach(vm, &net_kind, 0, n);
    if (!d) {
        free(n);
        return -1;
    }
    for (uint32_t i = 0; i < MAC_SIZE; i++)
        virtio_config_set(d, i, 1, mac[i]);
    return (int)d->slot;
}

int vm_net_receive(struct vm *vm, uint32_t slot, const uint8_t *frame, size_t size)
{
    struct virtio *d = virtio_at(vm, slot, &net_kind);
    return d ? receive(d, frame, size) : -1;
}

int vm_net_count(struct vm *vm, uint32_t slot, struct vm_net_counters *counters)
{
    const struct virtio *d = virtio_at(vm, slot, &net_kind);
    if (!d)
        return -1;
    *counters = ((const struct net *)d->state)->counters;
    return 0;
}
