/* 2D resources: bounded in side, number and total size, whatever the guest asks for. */
#include "vm/virtio/resource.h"

#include <stdlib.h>

/* VIRTIO_GPU_FORMAT_*: the eight orders of four channels of 8 bits. */
static bool format_known(uint32_t format)
{
    static const uint32_t known[] = {1, 2, 3, 4, 67, 68, 121, 134};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == format)
            return true;
    return false;
}

static uint64_t image_bytes(const struct resource *r) { return (uint64_t)r->width * r->height * PIXEL_SIZE; }

bool rect_inside(const struct rect *rect, uint32_t width, uint32_t height)
{
    return rect->width && rect->height && rect->width <= width && rect->height <= height &&
           rect->x <= width - rect->width && rect->y <= height - rect->height;
}

struct resource *resources_find(struct resources *all, uint32_t id)
{
    for (uint32_t i = 0; id && i < RESOURCES_MAX; i++)
        if (all->list[i].id == id)
            return &all->list[i];
    return NULL;
}

static struct resource *free_place(struct resources *all)
{
    for (uint32_t i = 0; i < RESOURCES_MAX; i++)
        if (!all->list[i].id)
            return &all->list[i];
    return NULL;
}

enum gpu_response resources_create(struct resources *all, uint32_t id, uint32_t format, uint32_t width,
                                   uint32_t height)
{
    struct resource made = {.id = id, .format = format, .width = width, .height = height};
    struct resource *place = free_place(all);
    if (id == 0 || resources_find(all, id))
        return RESPONSE_BAD_RESOURCE;
    if (!format_known(format) || !width || !height || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX)
        return RESPONSE_BAD_PARAMETER;
    if (!place || image_bytes(&made) > IMAGE_BYTES_MAX - all->bytes || !(made.pixels = calloc(image_bytes(&made), 1)))
        return RESPONSE_NO_MEMORY;
    all->bytes += image_bytes(&made);
    *place = made;
    return RESPONSE_OK;
}

void resource_detach(struct resource *r)
{
    free(r->backing);
    r->backing = NULL;
    r->backing_count = 0;
}

void resources_remove(struct resources *all, struct resource *r)
{
    all->bytes -= image_bytes(r);
    resource_detach(r);
    free(r->pixels);
    *r = (struct resource){0};
}

void resources_clear(struct resources *all)
{
    for (uint32_t i = 0; i < RESOURCES_MAX; i++)
        if (all->list[i].id)
            resources_remove(all, &all->list[i]);
}

/* Full rows follow each other without gaps and are one copy; other rows are a copy each. */
enum gpu_response resource_transfer(struct vm *vm, struct resource *r, const struct rect *rect, uint64_t offset)
{
    if (!rect_inside(rect, r->width, r->height))
        return RESPONSE_BAD_PARAMETER;
    struct cursor at = cursor_at(r->backing, r->backing_count);
    uint64_t stride = (uint64_t)r->width * PIXEL_SIZE, length = (uint64_t)rect->width * PIXEL_SIZE;
    uint64_t rows = rect->height, size = segments_size(r->backing, r->backing_count);
    if (offset > size || (rows - 1) * stride + length > size - offset)
        return RESPONSE_BAD_PARAMETER;
    if (length == stride) {
        length *= rows;
        rows = 1;
    }
    uint8_t *to = r->pixels + rect->y * stride + (uint64_t)rect->x * PIXEL_SIZE;
    bool whole = cursor_skip(&at, offset);
    for (uint64_t row = 0; whole && row < rows; row++)
        whole = (row == 0 || cursor_skip(&at, stride - length)) &&
                cursor_read(vm, VM_PATH_FRAMEBUFFER_BLIT, &at, to + row * stride, length, 0);
    return whole ? RESPONSE_OK : RESPONSE_UNSPECIFIED;
}

/* --- Snapshots ------------------------------------------------------------------------------------------ */

static void save_one(const struct resource *r, struct stream *to)
{
    const uint64_t fields[] = {r->id, r->format, r->width, r->height, r->backing_count};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        stream_write_u64(to, fields[i]);
    for (uint32_t i = 0; i < r->backing_count; i++) {
        stream_write_u64(to, r->backing[i].address);
        stream_write_u64(to, r->backing[i].length);
    }
    stream_write(to, r->pixels, image_bytes(r));
}

void resources_save(const struct resources *all, struct stream *to)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < RESOURCES_MAX; i++)
        count += all->list[i].id != 0;
    stream_write_u64(to, count);
    for (uint32_t i = 0; i < RESOURCES_MAX; i++)
        if (all->list[i].id)
            save_one(&all->list[i], to);
}

static bool load_backing(struct vm *vm, struct resource *r, uint64_t count, struct stream *from)
{
    if (count == 0)
        return true;
    if (count > BACKING_MAX || !(r->backing = calloc(count, sizeof *r->backing)))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t address = stream_read_u64(from), length = stream_read_u64(from);
        if (length > UINT32_MAX || !guest_holds(vm, address, length))
            return false;
        r->backing[i] = (struct segment){.address = address, .length = (uint32_t)length};
        r->backing_count++;
    }
    return true;
}

static bool load_one(struct vm *vm, struct resources *all, struct stream *from)
{
    uint64_t fields[5];
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if ((fields[i] = stream_read_u64(from)) > UINT32_MAX)
            return false;
    if (resources_create(all, (uint32_t)fields[0], (uint32_t)fields[1], (uint32_t)fields[2], (uint32_t)fields[3]) !=
        RESPONSE_OK)
        return false;
    struct resource *r = resources_find(all, (uint32_t)fields[0]);
    if (!load_backing(vm, r, fields[4], from))
        return false;
    stream_read(from, r->pixels, image_bytes(r));
    return !from->failed;
}

bool resources_load(struct vm *vm, struct resources *all, struct stream *from)
{
    uint64_t count = stream_read_u64(from);
    for (uint64_t i = 0; i < count; i++)
        if (i == RESOURCES_MAX || !load_one(vm, all, from))
            return false;
    return !from->failed;
}
