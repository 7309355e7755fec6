/* The display device's 2D resources: images on the host with a backing in guest memory (virtio 1.2, 5.7.6.8). */
#pragma once
#include "vm/stream.h"
#include "vm/virtio/scatter.h"

#define RESOURCES_MAX 256
#define IMAGE_SIDE_MAX 4096
#define IMAGE_BYTES_MAX ((uint64_t)256 << 20)  /* of all resources together */
#define BACKING_MAX 16384                      /* segments: the largest image in single pages */
#define PIXEL_SIZE 4

enum gpu_response {
    RESPONSE_OK = 0x1100, RESPONSE_DISPLAY_INFO = 0x1101, RESPONSE_UNSPECIFIED = 0x1200, RESPONSE_NO_MEMORY = 0x1201,
    RESPONSE_BAD_SCANOUT = 0x1202, RESPONSE_BAD_RESOURCE = 0x1203, RESPONSE_BAD_PARAMETER = 0x1205
};

struct rect {
    uint32_t x, y, width, height;
};

struct resource {
    uint32_t id;       /* 0: there is none */
    uint32_t format, width, height;
    uint8_t *pixels;   /* rows without gaps */
    struct segment *backing;
    uint32_t backing_count;
};

struct resources {
    struct resource list[RESOURCES_MAX];
    uint64_t bytes;  /* of all pixels */
};

/* True where the rectangle is not empty and lies in an image of that size. */
bool rect_inside(const struct rect *rect, uint32_t width, uint32_t height);

struct resource *resources_find(struct resources *all, uint32_t id);
enum gpu_response resources_create(struct resources *all, uint32_t id, uint32_t format, uint32_t width,
                                   uint32_t height);
void resources_remove(struct resources *all, struct resource *r);
void resources_clear(struct resources *all);
void resource_detach(struct resource *r);
/* Copies the rectangle from the backing, where its first pixel stands at `offset`. */
enum gpu_response resource_transfer(struct vm *vm, struct resource *r, const struct rect *rect, uint64_t offset);

void resources_save(const struct resources *all, struct stream *to);
/* Into an empty table; false where the bytes make no sense. */
bool resources_load(struct vm *vm, struct resources *all, struct stream *from);
