/* virtio display, two-dimensional (virtio 1.2, section 5.7): resources that the guest draws into, one of them shown. */
#include <stdlib.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/virtio_api.h"

#define ID 16
#define SCANOUTS_OFFSET 8   /* of num_scanouts in the configuration */
#define MAX_SIDE 4096
#define PIXEL 4
#define RESOURCES 64
#define MAX_BACKING 1024    /* pieces of guest memory behind one resource */
#define MAX_BYTES ((uint64_t)256 << 20)
#define SCANOUTS 16
#define FLAG_FENCE 1

enum command {
    GET_DISPLAY_INFO = 0x100, CREATE_2D, UNREF, SET_SCANOUT, FLUSH, TRANSFER_TO_HOST, ATTACH_BACKING, DETACH_BACKING
};
enum response {
    OK_NODATA = 0x1100, OK_DISPLAY_INFO = 0x1101, ERR_UNSPEC = 0x1200, ERR_OUT_OF_MEMORY = 0x1201,
    ERR_INVALID_SCANOUT = 0x1202, ERR_INVALID_RESOURCE = 0x1203, ERR_INVALID_PARAMETER = 0x1205
};
enum { CONTROL, CURSOR };

struct header {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context, ring;
};

struct rectangle {
    uint32_t x, y, width, height;
};

struct piece {
    uint64_t address;
    uint32_t length, padding;
};

struct resource {
    uint32_t id, width, height;  /* id 0: unused */
    uint8_t *pixels;
    uint32_t pieces;
    struct piece *backing;
};

struct display {
    uint32_t width, height;
    uint32_t shown;              /* the resource on the scanout; 0: none */
    uint64_t bytes;              /* of all resources */
    uint8_t *pixels, *dirty;
    struct resource resources[RESOURCES];
};

static struct resource *find(struct display *d, uint32_t id)
{
    for (uint32_t i = 0; i < RESOURCES; i++)
        if (d->resources[i].id == id)
            return &d->resources[i];
    return NULL;
}

static struct resource *existing(struct display *d, uint32_t id) { return id ? find(d, id) : NULL; }

static uint64_t size_of(const struct resource *r) { return (uint64_t)r->width * r->height * PIXEL; }

static void release(struct display *d, struct resource *r)
{
    d->bytes -= size_of(r);
    free(r->pixels);
    free(r->backing);
    *r = (struct resource){0};
}

static bool inside(const struct rectangle *r, uint32_t width, uint32_t height)
{
    return r->x <= width && r->width <= width - r->x && r->y <= height && r->height <= height - r->y;
}

static enum response create(struct display *d, uint32_t id, uint32_t width, uint32_t height)
{
    struct resource *r = find(d, 0);
    uint64_t bytes = (uint64_t)width * height * PIXEL;
    if (id == 0 || existing(d, id))
        return ERR_INVALID_RESOURCE;
    if (width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE)
        return ERR_INVALID_PARAMETER;
    uint8_t *pixels = r && bytes <= MAX_BYTES - d->bytes ? calloc(1, bytes) : NULL;
    if (!pixels)
        return ERR_OUT_OF_MEMORY;
    *r = (struct resource){.id = id, .width = width, .height = height, .pixels = pixels};
    d->bytes += bytes;
    return OK_NODATA;
}

static enum response attach(struct virtio *v, struct virtqueue *q, uint32_t id, uint32_t count)
{
    struct resource *r = existing(v->state, id);
    uint64_t at = sizeof(struct header) + 8, bytes = (uint64_t)count * sizeof(struct piece);
    if (!r)
        return ERR_INVALID_RESOURCE;
    if (r->backing || count == 0 || count > MAX_BACKING || v->chain.readable < at + bytes)
        return ERR_INVALID_PARAMETER;
    r->backing = malloc(bytes);
    if (!r->backing)
        return ERR_OUT_OF_MEMORY;
    r->pieces = count;
    return chain_read_header(v->vm, q, &v->chain, at, r->backing, bytes) ? OK_NODATA : ERR_UNSPEC;
}

static enum response detach(struct display *d, uint32_t id)
{
    struct resource *r = existing(d, id);
    if (!r)
        return ERR_INVALID_RESOURCE;
    free(r->backing);
    r->backing = NULL;
    r->pieces = 0;
    return OK_NODATA;
}

/* Bytes of the backing from `offset` on, into the resource; false where there are not enough of them in RAM. */
static bool gather(struct vm *vm, const struct resource *r, uint64_t offset, uint8_t *to, uint64_t n)
{
    for (uint32_t i = 0; i < r->pieces && n; i++) {
        const struct piece *p = &r->backing[i];
        if (offset >= p->length) {
            offset -= p->length;
            continue;
        }
        uint64_t part = p->length - offset < n ? p->length - offset : n;
        uint64_t address = p->address + offset;
        const uint8_t *from = address >= p->address ? vm_ram_at(vm, address, part, ACCESS_READ) : NULL;
        if (!from)
            return false;
        vm_copy(vm, VM_PATH_FRAMEBUFFER_BLIT, to, from, part);
        to += part;
        n -= part;
        offset = 0;
    }
    return n == 0;
}

static enum response transfer(struct virtio *v, const struct rectangle *area, uint64_t offset, uint32_t id)
{
    const struct resource *r = existing(v->state, id);
    if (!r || !r->backing)
        return ERR_INVALID_RESOURCE;
    if (!inside(area, r->width, r->height))
        return ERR_INVALID_PARAMETER;
    uint64_t stride = (uint64_t)r->width * PIXEL, row = (uint64_t)area->width * PIXEL;
    uint8_t *to = r->pixels + area->y * stride + (uint64_t)area->x * PIXEL;
    if (row == stride)
        return gather(v->vm, r, offset, to, stride * area->height) ? OK_NODATA : ERR_UNSPEC;
    for (uint32_t y = 0; y < area->height; y++)
        if (offset + y * stride < offset || !gather(v->vm, r, offset + y * stride, to + y * stride, row))
            return ERR_UNSPEC;
    return OK_NODATA;
}

static enum response set_scanout(struct display *d, uint32_t scanout, uint32_t id)
{
    if (scanout != 0)
        return ERR_INVALID_SCANOUT;
    if (id && !existing(d, id))
        return ERR_INVALID_RESOURCE;
    d->shown = id;
    return OK_NODATA;
}

/* What the scanout shows of the resource's area follows it, row by row. */
static enum response flush(struct virtio *v, const struct rectangle *area, uint32_t id)
{
    struct display *d = v->state;
    const struct resource *r = existing(d, id);
    if (!r)
        return ERR_INVALID_RESOURCE;
    if (!inside(area, r->width, r->height))
        return ERR_INVALID_PARAMETER;
    if (id != d->shown || area->x >= d->width)
        return OK_NODATA;
    uint32_t columns = d->width - area->x < area->width ? d->width - area->x : area->width;
    for (uint32_t y = area->y; y < area->y + area->height && y < d->height; y++) {
        uint64_t from = ((uint64_t)y * r->width + area->x) * PIXEL, to = ((uint64_t)y * d->width + area->x) * PIXEL;
        vm_copy(v->vm, VM_PATH_FRAMEBUFFER_BLIT, d->pixels + to, r->pixels + from, (size_t)columns * PIXEL);
        d->dirty[y] = 1;
    }
    return OK_NODATA;
}

static enum response unref(struct display *d, uint32_t id)
{
    struct resource *r = existing(d, id);
    if (!r)
        return ERR_INVALID_RESOURCE;
    d->shown = d->shown == id ? 0 : d->shown;
    release(d, r);
    return OK_NODATA;
}

/* The words after the header; fewer than the command needs read as 0 and fail on their own checks. */
static enum response execute(struct virtio *v, struct virtqueue *q, uint32_t type)
{
    uint32_t words[8] = {0};
    uint64_t offset, have = v->chain.readable - sizeof(struct header);
    if (!chain_read_header(v->vm, q, &v->chain, sizeof(struct header), words, have < sizeof words ? have : sizeof words))
        return ERR_UNSPEC;
    const struct rectangle area = {words[0], words[1], words[2], words[3]};
    memcpy(&offset, words + 4, sizeof offset);
    switch ((enum command)type) {
    case CREATE_2D: return create(v->state, words[0], words[2], words[3]);
    case UNREF: return unref(v->state, words[0]);
    case SET_SCANOUT: return set_scanout(v->state, words[4], words[5]);
    case FLUSH: return flush(v, &area, words[4]);
    case TRANSFER_TO_HOST: return transfer(v, &area, offset, words[6]);
    case ATTACH_BACKING: return attach(v, q, words[0], words[1]);
    case DETACH_BACKING: return detach(v->state, words[0]);
    case GET_DISPLAY_INFO: return OK_DISPLAY_INFO;
    default: return ERR_UNSPEC;
    }
}

static size_t display_info(const struct display *d, uint8_t *bytes)
{
    const uint32_t first[6] = {0, 0, d->width, d->height, 1, 0};
    memset(bytes, 0, SCANOUTS * sizeof first);
    memcpy(bytes, first, sizeof first);
    return SCANOUTS * sizeof first;
}

static void serve(struct virtio *v, struct virtqueue *q)
{
    struct header request;
    uint8_t answer[sizeof request + SCANOUTS * 24];
    size_t size = sizeof request;
    if (!chain_read_header(v->vm, q, &v->chain, 0, &request, sizeof request)) {
        q->broken = true;
        return;
    }
    struct header response = {.type = (uint32_t)execute(v, q, request.type)};
    if (request.flags & FLAG_FENCE) {
        response.flags = FLAG_FENCE;
        response.fence = request.fence;
        response.context = request.context;
    }
    memcpy(answer, &response, sizeof response);
    if (response.type == OK_DISPLAY_INFO)
        size += display_info(v->state, answer + size);
    size = size < v->chain.writable ? size : v->chain.writable;
    if (chain_write_header(v->vm, q, &v->chain, 0, answer, size))
        virtio_return(v, CONTROL, size);
}

static void notify(struct virtio *v, uint32_t queue)
{
    while (virtio_take(v, queue)) {
        if (queue == CONTROL)
            serve(v, &v->queues[queue]);
        else
            virtio_return(v, queue, 0);  /* there is no cursor to show */
    }
}

static void reset(struct virtio *v)
{
    struct display *d = v->state;
    for (uint32_t i = 0; i < RESOURCES; i++)
        if (d->resources[i].id)
            release(d, &d->resources[i]);
    d->shown = 0;
}

static void save(struct virtio *v, struct stream *to)
{
    const struct display *d = v->state;
    stream_write_u64(to, d->width);
    stream_write_u64(to, d->height);
    stream_write_u64(to, d->shown);
    stream_write(to, d->pixels, (size_t)d->width * d->height * PIXEL);
    for (uint32_t i = 0; i < RESOURCES; i++) {
        const struct resource *r = &d->resources[i];
        stream_write_u64(to, r->id);
        if (!r->id)
            continue;
        stream_write_u64(to, r->width);
        stream_write_u64(to, r->height);
        stream_write_u64(to, r->pieces);
        stream_write(to, r->pixels, size_of(r));
        stream_write(to, r->backing, r->pieces * sizeof *r->backing);
    }
}

static bool load_resource(struct display *d, uint32_t id, struct stream *from)
{
    uint32_t width = (uint32_t)stream_read_u64(from), height = (uint32_t)stream_read_u64(from);
    uint64_t pieces = stream_read_u64(from);
    if (from->failed || pieces > MAX_BACKING || create(d, id, width, height) != OK_NODATA)
        return false;
    struct resource *r = existing(d, id);
    stream_read(from, r->pixels, size_of(r));
    r->backing = pieces ? malloc(pieces * sizeof *r->backing) : NULL;
    r->pieces = r->backing ? (uint32_t)pieces : 0;
    stream_read(from, r->backing, r->pieces * sizeof *r->backing);
    return r->pieces == pieces && !from->failed;
}

static bool load(struct virtio *v, struct stream *from)
{
    struct display *d = v->state;
    reset(v);
    if (stream_read_u64(from) != d->width || stream_read_u64(from) != d->height)
        return false;
    uint32_t shown = (uint32_t)stream_read_u64(from);
    stream_read(from, d->pixels, (size_t)d->width * d->height * PIXEL);
    memset(d->dirty, 1, d->height);
    for (uint32_t i = 0; i < RESOURCES && !from->failed; i++) {
        uint32_t id = (uint32_t)stream_read_u64(from);
        if (id && !load_resource(d, id, from))
            return false;
    }
    d->shown = existing(d, shown) ? shown : 0;
    return !from->failed;
}

static void display_free(struct display *d)
{
    free(d->pixels);
    free(d->dirty);
    free(d);
}

static void destroy(struct virtio *v)
{
    reset(v);
    display_free(v->state);
}

static const struct virtio_kind gpu = {.name = "virtio-gpu", .id = ID, .notify = notify, .reset = reset, .save = save,
                                       .load = load, .destroy = destroy};

static struct display *create_display(uint32_t width, uint32_t height)
{
    struct display *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    *d = (struct display){.width = width, .height = height, .pixels = calloc((size_t)width * height, PIXEL),
                          .dirty = calloc(height, 1)};
    if (d->pixels && d->dirty)
        return d;
    display_free(d);
    return NULL;
}

int vm_attach_display(struct vm *vm, uint32_t width, uint32_t height)
{
    static const uint32_t scanouts = 1;
    bool sized = width && height && width <= MAX_SIDE && height <= MAX_SIDE;
    struct display *d = sized ? create_display(width, height) : NULL;
    if (!d) {
        vm_fail(vm, sized ? "no memory is left for a display" : "a display has 1 to %d pixels a side", MAX_SIDE);
        return -1;
    }
    struct virtio *v = virtio_attach(vm, &gpu, 0, 2, d);
    if (!v)
        return -1;
    memcpy(v->config + SCANOUTS_OFFSET, &scanouts, sizeof scanouts);
    return (int)virtio_slot(v);
}

static struct display *display_at(struct vm *vm, uint32_t slot)
{
    struct virtio *v = virtio_at(vm, slot, &gpu);
    return v ? v->state : NULL;
}

uint32_t vm_display_width(struct vm *vm, uint32_t slot) { return display_at(vm, slot) ? display_at(vm, slot)->width : 0; }

uint32_t vm_display_height(struct vm *vm, uint32_t slot) { return display_at(vm, slot) ? display_at(vm, slot)->height : 0; }

const uint8_t *vm_display_pixels(struct vm *vm, uint32_t slot)
{
    return display_at(vm, slot) ? display_at(vm, slot)->pixels : NULL;
}

const uint8_t *vm_display_dirty(struct vm *vm, uint32_t slot)
{
    return display_at(vm, slot) ? display_at(vm, slot)->dirty : NULL;
}

void vm_display_clear_dirty(struct vm *vm, uint32_t slot)
{
    struct display *d = display_at(vm, slot);
    if (d)
        memset(d->dirty, 0, d->height);
}
