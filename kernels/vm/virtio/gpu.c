/* virtio display device, 2D (virtio 1.2, section 5.7): one scanout, shown in a picture that the host can look at. */
#include <stdlib.h>

#include "vm/virtio/mmio.h"
#include "vm/virtio/resource.h"
#include "vm/virtio/virtio_api.h"

#define SCANOUTS_IN_INFO 16
#define FLAG_FENCE 1

enum gpu_queue { QUEUE_CONTROL, QUEUE_CURSOR, QUEUES };
enum config_field { CONFIG_SCANOUTS = 8 };
enum command {
    GET_DISPLAY_INFO = 0x100, RESOURCE_CREATE_2D, RESOURCE_UNREF, SET_SCANOUT, RESOURCE_FLUSH, TRANSFER_TO_HOST_2D,
    RESOURCE_ATTACH_BACKING, RESOURCE_DETACH_BACKING, UPDATE_CURSOR = 0x300, MOVE_CURSOR
};

struct control_header {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context, ring;
};

/* What follows the header, by command. */
struct create_2d { uint32_t id, format, width, height; };
struct with_id { uint32_t id, padding; };
struct set_scanout { struct rect rect; uint32_t scanout, id; };
struct flush { struct rect rect; uint32_t id, padding; };
struct transfer { struct rect rect; uint64_t offset; uint32_t id, padding; };
struct attach_backing { uint32_t id, entries; };
struct backing_entry { uint64_t address; uint32_t length, padding; };

union arguments {
    struct create_2d create;
    struct with_id with_id;
    struct set_scanout scanout;
    struct flush flush;
    struct transfer transfer;
    struct attach_backing attach;
};

struct display_info {
    struct control_header header;
    struct { struct rect rect; uint32_t enabled, flags; } scanouts[SCANOUTS_IN_INFO];
};

struct gpu {
    struct resources resources;
    struct vm_display picture;
    uint32_t shown;     /* the resource on the scanout; 0: none */
    struct rect area;   /* of that resource */
};

/* --- The picture ---------------------------------------------------------------------------------------- */

static struct rect intersection(const struct rect *a, const struct rect *b)
{
    uint32_t left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    uint32_t right = a->x + a->width < b->x + b->width ? a->x + a->width : b->x + b->width;
    uint32_t bottom = a->y + a->height < b->y + b->height ? a->y + a->height : b->y + b->height;
    if (right <= left || bottom <= top)
        return (struct rect){0};
    return (struct rect){.x = left, .y = top, .width = right - left, .height = bottom - top};
}

/* Brings part of the shown resource into the picture, row by row or, where rows are whole on both sides, at once. */
static void show(struct virtio *d, const struct resource *r, const struct rect *part)
{
    struct gpu *g = d->state;
    struct rect seen = intersection(part, &g->area);
    if (!seen.width)
        return;
    uint64_t from_stride = (uint64_t)r->width * PIXEL_SIZE, to_stride = (uint64_t)g->picture.width * PIXEL_SIZE;
    uint64_t length = (uint64_t)seen.width * PIXEL_SIZE, rows = seen.height, first = seen.y - g->area.y;
    const uint8_t *from = r->pixels + seen.y * from_stride + (uint64_t)seen.x * PIXEL_SIZE;
    uint8_t *to = g->picture.pixels + first * to_stride + (uint64_t)(seen.x - g->area.x) * PIXEL_SIZE;
    memset(g->picture.dirty_rows + first, 1, rows);
    if (length == from_stride && length == to_stride) {
        length *= rows;
        rows = 1;
    }
    for (uint64_t row = 0; row < rows; row++)
        vm_copy(d->vm, VM_PATH_FRAMEBUFFER_BLIT, to + row * to_stride, from + row * from_stride, length);
}

static void blank(struct gpu *g)
{
    g->shown = 0;
    g->area = (struct rect){0};
    g->picture.format = 0;
    memset(g->picture.pixels, 0, (size_t)g->picture.width * g->picture.height * PIXEL_SIZE);
    memset(g->picture.dirty_rows, 1, g->picture.height);
}

/* --- Commands ------------------------------------------------------------------------------------------- */

static enum gpu_response unref(struct gpu *g, uint32_t id)
{
    struct resource *r = resources_find(&g->resources, id);
    if (!r)
        return RESPONSE_BAD_RESOURCE;
    if (g->shown == id)
        blank(g);
    resources_remove(&g->resources, r);
    return RESPONSE_OK;
}

static enum gpu_response set_scanout(struct gpu *g, const struct set_scanout *a)
{
    const struct resource *r = resources_find(&g->resources, a->id);
    if (a->scanout != 0)
        return RESPONSE_BAD_SCANOUT;
    if (a->id == 0) {
        blank(g);
        return RESPONSE_OK;
    }
    if (!r)
        return RESPONSE_BAD_RESOURCE;
    if (!rect_inside(&a->rect, r->width, r->height) || a->rect.width > g->picture.width ||
        a->rect.height > g->picture.height)
        return RESPONSE_BAD_PARAMETER;
    g->shown = a->id;
    g->area = a->rect;
    g->picture.format = r->format;
    return RESPONSE_OK;
}

static enum gpu_response flush(struct virtio *d, const struct flush *a)
{
    struct gpu *g = d->state;
    const struct resource *r = resources_find(&g->resources, a->id);
    if (!r)
        return RESPONSE_BAD_RESOURCE;
    if (!rect_inside(&a->rect, r->width, r->height))
        return RESPONSE_BAD_PARAMETER;
    if (g->shown == a->id)
        show(d, r, &a->rect);
    return RESPONSE_OK;
}

static enum gpu_response transfer(struct virtio *d, const struct transfer *a)
{
    struct gpu *g = d->state;
    struct resource *r = resources_find(&g->resources, a->id);
    return r ? resource_transfer(d->vm, r, &a->rect, a->offset) : RESPONSE_BAD_RESOURCE;
}

static enum gpu_response read_backing(struct vm *vm, struct cursor *at, struct segment *backing, uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++) {
        struct backing_entry entry;
        if (!cursor_read_fields(vm, at, &entry, sizeof entry))
            return RESPONSE_UNSPECIFIED;
        if (!guest_holds(vm, entry.address, entry.length))
            return RESPONSE_BAD_PARAMETER;
        backing[i] = (struct segment){.address = entry.address, .length = entry.length};
    }
    return RESPONSE_OK;
}

static enum gpu_response attach_backing(struct virtio *d, const struct attach_backing *a, struct cursor *at)
{
    struct gpu *g = d->state;
    struct resource *r = resources_find(&g->resources, a->id);
    if (!r)
        return RESPONSE_BAD_RESOURCE;
    if (r->backing || a->entries == 0 || a->entries > BACKING_MAX)
        return RESPONSE_BAD_PARAMETER;
    struct segment *backing = calloc(a->entries, sizeof *backing);
    if (!backing)
        return RESPONSE_NO_MEMORY;
    enum gpu_response response = read_backing(d->vm, at, backing, a->entries);
    if (response != RESPONSE_OK) {
        free(backing);
        return response;
    }
    r->backing = backing;
    r->backing_count = a->entries;
    return RESPONSE_OK;
}

static enum gpu_response detach_backing(struct gpu *g, uint32_t id)
{
    struct resource *r = resources_find(&g->resources, id);
    if (!r)
        return RESPONSE_BAD_RESOURCE;
    resource_detach(r);
    return RESPONSE_OK;
}

static size_t arguments_size(uint32_t command)
{
    switch (command) {
    case RESOURCE_CREATE_2D: return sizeof(struct create_2d);
    case RESOURCE_UNREF: case RESOURCE_DETACH_BACKING: return sizeof(struct with_id);
    case SET_SCANOUT: return sizeof(struct set_scanout);
    case RESOURCE_FLUSH: return sizeof(struct flush);
    case TRANSFER_TO_HOST_2D: return sizeof(struct transfer);
    case RESOURCE_ATTACH_BACKING: return sizeof(struct attach_backing);
    default: return 0;
    }
}

/* Cursors are drawn by nobody, so their commands have nothing to do. */
static enum gpu_response execute(struct virtio *d, uint32_t command, struct cursor *at)
{
    struct gpu *g = d->state;
    union arguments a;
    if (!cursor_read_fields(d->vm, at, &a, arguments_size(command)))
        return RESPONSE_UNSPECIFIED;
    switch (command) {
    case GET_DISPLAY_INFO: return RESPONSE_DISPLAY_INFO;
    case RESOURCE_CREATE_2D:
        return resources_create(&g->resources, a.create.id, a.create.format, a.create.width, a.create.height);
    case RESOURCE_UNREF: return unref(g, a.with_id.id);
    case SET_SCANOUT: return set_scanout(g, &a.scanout);
    case RESOURCE_FLUSH: return flush(d, &a.flush);
    case TRANSFER_TO_HOST_2D: return transfer(d, &a.transfer);
    case RESOURCE_ATTACH_BACKING: return attach_backing(d, &a.attach, at);
    case RESOURCE_DETACH_BACKING: return detach_backing(g, a.with_id.id);
    case UPDATE_CURSOR: case MOVE_CURSOR: return RESPONSE_OK;
    default: return RESPONSE_UNSPECIFIED;
    }
}

/* Answers as far as the chain has room, and says how many bytes that were. */
static uint32_t respond(struct virtio *d, const struct chain *chain, const struct control_header *request,
                        enum gpu_response response)
{
    const struct gpu *g = d->state;
    struct display_info info = {.header = {.type = response}};
    uint64_t room = chain_writable_bytes(chain);
    uint64_t size = response == RESPONSE_DISPLAY_INFO ? sizeof info : sizeof info.header;
    struct cursor at = chain_writer(chain);
    if (request->flags & FLAG_FENCE) {
        info.header.flags = FLAG_FENCE;
        info.header.fence = request->fence;
        info.header.context = request->context;
    }
    info.scanouts[0].rect = (struct rect){.width = g->picture.width, .height = g->picture.height};
    info.scanouts[0].enabled = 1;
    size = size < room ? size : room;
    return cursor_write_fields(d->vm, &at, &info, size) ? (uint32_t)size : 0;
}

static void gpu_notify(struct virtio *d, uint32_t queue)
{
    struct chain chain;
    while (virtio_take(d, queue, &chain)) {
        struct control_header header;
        struct cursor at = chain_reader(&chain);
        if (!cursor_read_fields(d->vm, &at, &header, sizeof header)) {
            virtio_fail(d);
            return;
        }
        enum gpu_response response = execute(d, header.type, &at);
        virtio_give(d, queue, &chain, respond(d, &chain, &header, response));
    }
}

/* --- State ---------------------------------------------------------------------------------------------- */

static void gpu_reset(struct virtio *d)
{
    struct gpu *g = d->state;
    resources_clear(&g->resources);
    blank(g);
}

static void gpu_free(struct gpu *g)
{
    if (!g)
        return;
    resources_clear(&g->resources);
    free(g->picture.pixels);
    free(g->picture.dirty_rows);
    free(g);
}

static void gpu_destroy(struct virtio *d) { gpu_free(d->state); }

static void gpu_save(struct virtio *d, struct stream *to)
{
    const struct gpu *g = d->state;
    const struct vm_display *p = &g->picture;
    const uint64_t fields[] = {p->width, p->height, g->shown, g->area.x, g->area.y, g->area.width, g->area.height};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    stream_write(to, p->pixels, (size_t)p->width * p->height * PIXEL_SIZE);
    stream_write(to, p->dirty_rows, p->height);
    resources_save(&g->resources, to);
}

static bool gpu_load(struct virtio *d, struct stream *from)
{
    struct gpu *g = d->state;
    struct vm_display *p = &g->picture;
    uint64_t fields[7];
    gpu_reset(d);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if ((fields[i] = stream_read_u64(from)) > UINT32_MAX)
            return false;
    if (fields[0] != p->width || fields[1] != p->height)
        return false;
    stream_read(from, p->pixels, (size_t)p->width * p->height * PIXEL_SIZE);
    stream_read(from, p->dirty_rows, p->height);
    if (!resources_load(d->vm, &g->resources, from))
        return false;
    const struct set_scanout scanout = {.id = (uint32_t)fields[2],
                                        .rect = {(uint32_t)fields[3], (uint32_t)fields[4], (uint32_t)fields[5],
                                                 (uint32_t)fields[6]}};
    return scanout.id == 0 || set_scanout(g, &scanout) == RESPONSE_OK;
}

static const struct virtio_kind gpu_kind = {
    .name = "virtio-gpu", .id = VIRTIO_GPU, .queues = QUEUES, .notify = gpu_notify, .reset = gpu_reset,
    .destroy = gpu_destroy, .save = gpu_save, .load = gpu_load,
};

/* --- For the host --------------------------------------------------------------------------------------- */

int vm_attach_display(struct vm *vm, uint32_t width, uint32_t height)
{
    if (!width || !height || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX) {
        vm_fail(vm, "a display has 1 to %d pixels a side, not %u x %u", IMAGE_SIDE_MAX, width, height);
        return -1;
    }
    struct gpu *g = calloc(1, sizeof *g);
    if (g)
        g->picture = (struct vm_display){.width = width, .height = height, .dirty_rows = calloc(height, 1),
                                         .pixels = calloc((size_t)width * height, PIXEL_SIZE)};
    if (!g || !g->picture.pixels || !g->picture.dirty_rows) {
        vm_fail(vm, "no memory is left for a display of %u x %u pixels", width, height);
        gpu_free(g);
        return -1;
    }
    struct virtio *d = virtio_attach(vm, &gpu_kind, 0, g);
    if (!d) {
        gpu_free(g);
        return -1;
    }
    virtio_config_set(d, CONFIG_SCANOUTS, 4, 1);
    return (int)d->slot;
}

int vm_display_view(struct vm *vm, uint32_t slot, struct vm_display *view)
{
    const struct virtio *d = virtio_at(vm, slot, &gpu_kind);
    if (!d)
        return -1;
    *view = ((const struct gpu *)d->state)->picture;
    return 0;
}
