/* The device's side of a split virtqueue (virtio 1.2, section 2.7). Whatever the guest put into its rings, nothing
   outside guest RAM is touched: what makes no sense breaks the queue until the device is reset. */
#pragma once
#include "vm/internal.h"
#include "vm/stream.h"

#define QUEUE_MAX 256

struct virtqueue {
    uint64_t descriptors, available, used;  /* guest addresses of the three parts */
    uint32_t size;
    bool ready, broken;
    uint16_t next;                          /* the available entry to look at next */
    uint16_t returned;                      /* used entries so far */
};

struct segment {
    uint64_t address;
    uint32_t length;
    bool writable;  /* by the device */
};

/* A buffer that the guest has made available: what the device reads, then what it writes. */
struct chain {
    uint16_t head;
    uint32_t count;
    uint64_t readable, writable;  /* bytes */
    struct segment segments[QUEUE_MAX];
};

/* Sizes and alignments are as the specification asks. */
bool queue_valid(const struct virtqueue *q);
/* The next available chain; false: there is none, or the queue is broken. */
bool queue_pop(struct vm *vm, struct virtqueue *q, struct chain *chain);
/* Gives a chain back, `written` bytes of it filled. Returns whether the guest wants an interrupt. */
bool queue_push(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t written);

void queue_save(const struct virtqueue *q, struct stream *to);
bool queue_load(struct virtqueue *q, struct stream *from);

/* How a chain's bytes move: by which path, cut at multiples of `split` guest bytes (0: not cut). */
struct movement {
    enum vm_path path;
    uint32_t split;
};

/* Copies between host bytes and the chain's readable (or writable) part, from `offset` of that part on. Returns how
   many bytes were moved: fewer where the chain ends, or where it leaves RAM (then the queue is broken). */
uint64_t chain_read(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, void *to, uint64_t n,
                    struct movement how);
uint64_t chain_write(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, const void *from,
                     uint64_t n, struct movement how);
/* The same for headers and states of a few bytes, which are no bulk copies. */
bool chain_read_header(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, void *to, size_t n);
bool chain_write_header(struct vm *vm, struct virtqueue *q, const struct chain *chain, uint64_t offset, const void *from,
                        size_t n);
