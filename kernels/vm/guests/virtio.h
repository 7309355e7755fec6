/* A small virtio driver for guests: one request at a time, polled. */
#pragma once
#include <stdint.h>

#define SLOTS 8
#define ENTRIES 16

enum { DEVICE_NET = 1, DEVICE_BLOCK = 2, DEVICE_GPU = 16 };
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct queue {
    struct descriptor descriptors[ENTRIES];
    struct {
        uint16_t flags, index, ring[ENTRIES];
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[ENTRIES];
    } used;
    uint16_t taken;
} __attribute__((aligned(4096)));

/* A piece of a request: what the device reads, or (write) what it fills. */
struct part {
    void *bytes;
    uint32_t length;
    int write;
};

static inline volatile uint32_t *device_register(uintptr_t base, uint32_t offset)
{
    return (volatile uint32_t *)(base + offset);
}

/* The address of the first device of this kind; 0: none. */
static inline uintptr_t find_device(uint32_t kind)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uintptr_t base = 0x10001000 + slot * 0x1000;
        if (*device_register(base, 0) == 0x74726976 && *device_register(base, 8) == kind)
            return base;
    }
    return 0;
}

static inline void set_address(uintptr_t base, uint32_t offset, const void *address)
{
    *device_register(base, offset) = (uint32_t)(uintptr_t)address;
    *device_register(base, offset + 4) = (uint32_t)((uintptr_t)address >> 32);
}

static inline void start_queue(uintptr_t base, uint32_t number, struct queue *q)
{
    *device_register(base, 0x30) = number;
    *device_register(base, 0x38) = ENTRIES;
    set_address(base, 0x80, q->descriptors);
    set_address(base, 0x90, &q->available);
    set_address(base, 0xa0, &q->used);
    *device_register(base, 0x44) = 1;
}

/* Resets the device and takes no feature but version 1. */
static inline void start_device(uintptr_t base, struct queue *queues, uint32_t count)
{
    *device_register(base, 0x70) = 0;
    *device_register(base, 0x70) = 3;
    *device_register(base, 0x24) = 1;
    *device_register(base, 0x20) = 1;
    *device_register(base, 0x70) = 11;
    for (uint32_t i = 0; i < count; i++)
        start_queue(base, i, &queues[i]);
    *device_register(base, 0x70) = 15;
}

/* Makes a chain of parts available, from descriptor `first` on. */
static inline void offer(uintptr_t base, uint32_t number, struct queue *q, uint16_t first, const struct part *parts,
                         uint16_t count)
{
    for (uint16_t i = 0; i < count; i++)
        q->descriptors[first + i] = (struct descriptor){
            (uintptr_t)parts[i].bytes, parts[i].length,
            (uint16_t)((parts[i].write ? DESCRIPTOR_WRITE : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0)),
            (uint16_t)(first + i + 1)};
    q->available.ring[q->available.index % ENTRIES] = first;
    __atomic_store_n(&q->available.index, (uint16_t)(q->available.index + 1), __ATOMIC_RELEASE);
    *device_register(base, 0x50) = number;
}

/* Waits for the next used chain; returns how many bytes were written. */
static inline uint32_t collect(struct queue *q)
{
    while (__atomic_load_n(&q->used.index, __ATOMIC_ACQUIRE) == q->taken)
        ;
    return q->used.ring[q->taken++ % ENTRIES].length;
}
