/* Scattered guest memory: lists of segments, and the copies between them and host memory. */
#pragma once
#include "vm/internal.h"

struct segment {
    uint64_t address;
    uint32_t length;
};

/* A place in a list of segments; it only moves forward. */
struct cursor {
    const struct segment *segments;
    uint32_t count;   /* segments from here on, the current one included */
    uint32_t offset;  /* in the current one */
};

/* True where [address, address + length) lies in RAM; touches nothing. */
bool guest_holds(struct vm *vm, uint64_t address, uint64_t length);
/* One access of 1, 2, 4 or 8 bytes at an aligned address, never torn: acquire loads, release stores.
   False where it is not RAM. */
bool guest_load(struct vm *vm, uint64_t address, unsigned width, uint64_t *value);
bool guest_store(struct vm *vm, uint64_t address, unsigned width, uint64_t value);

uint64_t segments_size(const struct segment *segments, uint32_t count);
struct cursor cursor_at(const struct segment *segments, uint32_t count);
/* False where the list ends before; the cursor is then at its end. */
bool cursor_skip(struct cursor *at, uint64_t size);
/* Moves `size` bytes by the path's routine and the cursor past them. A piece ends where its segment ends and, unless
   `split` is 0, where the guest's address is a multiple of `split`; pieces of 8 bytes or less are single accesses.
   False where the list ends before or leaves RAM. */
bool cursor_read(struct vm *vm, enum vm_path path, struct cursor *at, void *host, uint64_t size, uint32_t split);
bool cursor_write(struct vm *vm, enum vm_path path, struct cursor *at, const void *host, uint64_t size,
                  uint32_t split);
/* The same for headers and other fields of a few bytes: single accesses only, counted nowhere. */
bool cursor_read_fields(struct vm *vm, struct cursor *at, void *host, uint64_t size);
bool cursor_write_fields(struct vm *vm, struct cursor *at, const void *host, uint64_t size);
