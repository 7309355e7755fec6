/* Scattered guest memory. Every access finds its host address anew, since a page's hook may move others. */
#include "vm/virtio/scatter.h"

#define SINGLE_ACCESS 8  /* pieces up to this size are moved by atomic accesses: another hart may look at them */

bool guest_holds(struct vm *vm, uint64_t address, uint64_t length)
{
    return address + length >= address && vm_ram_at(vm, address, 0, ACCESS_READ) &&
           vm_ram_at(vm, address + length, 0, ACCESS_READ);
}

static uint64_t load_single(const uint8_t *from, unsigned width)
{
    switch (width) {
    case 1: return __atomic_load_n(from, __ATOMIC_ACQUIRE);
    case 2: return __atomic_load_n((const uint16_t *)from, __ATOMIC_ACQUIRE);
    case 4: return __atomic_load_n((const uint32_t *)from, __ATOMIC_ACQUIRE);
    default: return __atomic_load_n((const uint64_t *)from, __ATOMIC_ACQUIRE);
    }
}

static void store_single(uint8_t *to, unsigned width, uint64_t value)
{
    switch (width) {
    case 1: __atomic_store_n(to, (uint8_t)value, __ATOMIC_RELEASE); break;
    case 2: __atomic_store_n((uint16_t *)to, (uint16_t)value, __ATOMIC_RELEASE); break;
    case 4: __atomic_store_n((uint32_t *)to, (uint32_t)value, __ATOMIC_RELEASE); break;
    default: __atomic_store_n((uint64_t *)to, value, __ATOMIC_RELEASE);
    }
}

bool guest_load(struct vm *vm, uint64_t address, unsigned width, uint64_t *value)
{
    const uint8_t *from = address % width ? NULL : vm_ram_at(vm, address, width, ACCESS_READ);
    if (!from)
        return false;
    *value = load_single(from, width);
    return true;
}

bool guest_store(struct vm *vm, uint64_t address, unsigned width, uint64_t value)
{
    uint8_t *to = address % width ? NULL : vm_ram_at(vm, address, width, ACCESS_WRITE);
    if (!to)
        return false;
    store_single(to, width, value);
    return true;
}

/* The widest single access at this address that the rest of the piece fills. */
static unsigned widest(uint64_t address, uint64_t left)
{
    unsigned width = SINGLE_ACCESS;
    while (width > left || address % width)
        width /= 2;
    return width;
}

static void read_singles(const uint8_t *from, uint64_t address, uint8_t *host, uint64_t size)
{
    for (uint64_t at = 0; at < size;) {
        unsigned width = widest(address + at, size - at);
        uint64_t value = load_single(from + at, width);
        memcpy(host + at, &value, width);
        at += width;
    }
}

static void write_singles(uint8_t *to, uint64_t address, const uint8_t *host, uint64_t size)
{
    for (uint64_t at = 0; at < size;) {
        unsigned width = widest(address + at, size - at);
        uint64_t value = 0;
        memcpy(&value, host + at, width);
        store_single(to + at, width, value);
        at += width;
    }
}

uint64_t segments_size(const struct segment *segments, uint32_t count)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += segments[i].length;
    return size;
}

struct cursor cursor_at(const struct segment *segments, uint32_t count)
{
    return (struct cursor){.segments = segments, .count = count};
}

static void settle(struct cursor *at)
{
    while (at->count && at->offset == at->segments->length) {
        at->segments++;
        at->count--;
        at->offset = 0;
    }
}

bool cursor_skip(struct cursor *at, uint64_t size)
{
    for (settle(at); size && at->count; settle(at)) {
        uint64_t left = at->segments->length - at->offset, step = size < left ? size : left;
        at->offset += (uint32_t)step;
        size -= step;
    }
    return size == 0;
}

/* The next piece of at most `size` bytes: its address and its length, 0 at the end of the list. */
static uint64_t next_piece(struct cursor *at, uint64_t size, uint32_t split, uint64_t *address)
{
    settle(at);
    if (!at->count)
        return 0;
    uint64_t left = at->segments->length - at->offset, step = size < left ? size : left;
    *address = at->segments->address + at->offset;
    if (split && step > split - *address % split)
        step = split - *address % split;
    at->offset += (uint32_t)step;
    return step;
}

bool cursor_read(struct vm *vm, enum vm_path path, struct cursor *at, void *host, uint64_t size, uint32_t split)
{
    uint64_t address;
    for (uint64_t done = 0, step; done < size; done += step) {
        step = next_piece(at, size - done, split, &address);
        const uint8_t *from = step ? vm_ram_at(vm, address, step, ACCESS_READ) : NULL;
        if (!from)
            return false;
        if (step <= SINGLE_ACCESS)
            read_singles(from, address, (uint8_t *)host + done, step);
        else
            vm_copy(vm, path, (uint8_t *)host + done, from, step);
    }
    return true;
}

bool cursor_write(struct vm *vm, enum vm_path path, struct cursor *at, const void *host, uint64_t size,
                  uint32_t split)
{
    uint64_t address;
    for (uint64_t done = 0, step; done < size; done += step) {
        step = next_piece(at, size - done, split, &address);
        uint8_t *to = step ? vm_ram_at(vm, address, step, ACCESS_WRITE) : NULL;
        if (!to)
            return false;
        if (step <= SINGLE_ACCESS)
            write_singles(to, address, (const uint8_t *)host + done, step);
        else
            vm_copy(vm, path, to, (const uint8_t *)host + done, step);
    }
    return true;
}

bool cursor_read_fields(struct vm *vm, struct cursor *at, void *host, uint64_t size)
{
    return cursor_read(vm, VM_PATH_DMA_READ, at, host, size, SINGLE_ACCESS);
}

bool cursor_write_fields(struct vm *vm, struct cursor *at, const void *host, uint64_t size)
{
    return cursor_write(vm, VM_PATH_DMA_WRITE, at, host, size, SINGLE_ACCESS);
}
