/* virtio network card (virtio 1.2, section 5.1): a frame lies behind a header of 12 bytes, so that what is copied into
   the guest lands 12 bytes off every alignment that the buffer has. */
#include <stdlib.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/virtio_api.h"

#define ID 1
#define HEADER 12
#define BUFFERS_OFFSET 10  /* of num_buffers in the header */
#define MAX_FRAME 65550
#define WAITING 64
#define LINK_UP 1
#define LINK_OFFSET 6

enum { F_MAC = 1 << 5, F_MERGEABLE = 1 << 15, F_STATUS = 1 << 16 };
enum { RECEIVE, TRANSMIT };

static const uint8_t address[6] = {0x02, 0x43, 0x52, 0x4f, 0x53, 0x53};

struct frame {
    size_t size;
    uint8_t *bytes;
};

struct card {
    vm_net_send send;
    void *user;
    struct frame waiting[WAITING];  /* a ring */
    uint32_t first, count;
    uint64_t dropped;
    uint8_t buffer[MAX_FRAME];      /* the frame being sent */
};

static void forget_first(struct card *c)
{
    free(c->waiting[c->first].bytes);
    c->waiting[c->first] = (struct frame){0};
    c->first = (c->first + 1) % WAITING;
    c->count--;
}

static void forget_all(struct card *c)
{
    while (c->count)
        forget_first(c);
}

static bool enqueue(struct card *c, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = c->count < WAITING && size && size <= MAX_FRAME ? malloc(size) : NULL;
    if (!copy) {
        c->dropped++;
        return false;
    }
    memcpy(copy, bytes, size);
    c->waiting[(c->first + c->count) % WAITING] = (struct frame){size, copy};
    c->count++;
    return true;
}

/* Into the buffer in v->chain, header first; a buffer that is too short drops the frame. */
static void deliver(struct virtio *v, const struct frame *f)
{
    static const uint8_t header[HEADER] = {[BUFFERS_OFFSET] = 1};
    struct card *c = v->state;
    struct virtqueue *q = &v->queues[RECEIVE];
    if (v->chain.writable < HEADER + f->size) {
        c->dropped++;
        virtio_return(v, RECEIVE, 0);
        return;
    }
    if (chain_write_header(v->vm, q, &v->chain, 0, header, HEADER) &&
        chain_write(v->vm, q, &v->chain, HEADER, f->bytes, f->size, (struct movement){VM_PATH_NET_RX, 0}) == f->size)
        virtio_return(v, RECEIVE, HEADER + f->size);
}

/* Straight from the sender's bytes where nothing waits before it and the guest has a buffer. */
static bool receive_now(struct virtio *v, const uint8_t *bytes, size_t size)
{
    const struct card *c = v->state;
    const struct frame frame = {size, (uint8_t *)(uintptr_t)bytes};
    if (c->count || size == 0 || size > MAX_FRAME || !virtio_take(v, RECEIVE))
        return false;
    deliver(v, &frame);
    return true;
}

static void receive_waiting(struct virtio *v)
{
    struct card *c = v->state;
    while (c->count && virtio_take(v, RECEIVE)) {
        deliver(v, &c->waiting[c->first]);
        forget_first(c);
    }
}

static void send_frame(struct virtio *v)
{
    struct card *c = v->state;
    struct virtqueue *q = &v->queues[TRANSMIT];
    uint64_t size = v->chain.readable > HEADER ? v->chain.readable - HEADER : 0;
    bool good = size && size <= MAX_FRAME;
    if (good && chain_read(v->vm, q, &v->chain, HEADER, c->buffer, size, (struct movement){VM_PATH_NET_TX, 0}) != size)
        return;
    virtio_return(v, TRANSMIT, 0);
    if (!good)
        c->dropped++;
    else if (c->send)
        c->send(c->user, c->buffer, size);
    else if (!receive_now(v, c->buffer, size))
        enqueue(c, c->buffer, size);
}

static void notify(struct virtio *v, uint32_t queue)
{
    while (queue == TRANSMIT && virtio_take(v, TRANSMIT))
        send_frame(v);
    receive_waiting(v);
}

static void reset(struct virtio *v) { forget_all(v->state); }

static void save(struct virtio *v, struct stream *to)
{
    const struct card *c = v->state;
    stream_write_u64(to, c->dropped);
    stream_write_u64(to, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct frame *f = &c->waiting[(c->first + i) % WAITING];
        stream_write_u64(to, f->size);
        stream_write(to, f->bytes, f->size);
    }
}

static bool load(struct virtio *v, struct stream *from)
{
    struct card *c = v->state;
    forget_all(c);
    uint64_t dropped = stream_read_u64(from), count = stream_read_u64(from);
    for (uint64_t i = 0; i < count && !from->failed; i++) {
        uint64_t size = stream_read_u64(from);
        if (size > MAX_FRAME)
            return false;
        stream_read(from, c->buffer, size);
        if (!enqueue(c, c->buffer, size))
            return false;
    }
    c->dropped = dropped;
    return !from->failed;
}

static void destroy(struct virtio *v)
{
    forget_all(v->state);
    free(v->state);
}

static const struct virtio_kind net = {.name = "virtio-net", .id = ID, .notify = notify, .reset = reset, .save = save,
                                       .load = load, .destroy = destroy};

int vm_attach_net(struct vm *vm, vm_net_send send, void *user)
{
    static const uint16_t link = LINK_UP;
    struct card *c = calloc(1, sizeof *c);
    if (!c) {
        vm_fail(vm, "no memory is left for a network card");
        return -1;
    }
    c->send = send;
    c->user = user;
    struct virtio *v = virtio_attach(vm, &net, F_MAC | F_MERGEABLE | F_STATUS, 2, c);
    if (!v)
        return -1;
    memcpy(v->config, address, sizeof address);
    memcpy(v->config + LINK_OFFSET, &link, sizeof link);
    return (int)virtio_slot(v);
}

int vm_net_receive(struct vm *vm, uint32_t slot, const uint8_t *frame, size_t size)
{
    struct virtio *v = virtio_at(vm, slot, &net);
    if (!v)
        return -1;
    receive_waiting(v);
    return receive_now(v, frame, size) || enqueue(v->state, frame, size) ? 0 : -1;
}

uint64_t vm_net_dropped(struct vm *vm, uint32_t slot)
{
    struct virtio *v = virtio_at(vm, slot, &net);
    return v ? ((const struct card *)v->state)->dropped : 0;
}
