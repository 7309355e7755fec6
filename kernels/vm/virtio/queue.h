/* The device's side of a split virtqueue (virtio 1.2, section 2.7). */
#pragma once
#include "vm/stream.h"
#include "vm/virtio/scatter.h"

#define QUEUE_MAX_SIZE 256
#define CHAIN_MAX_SEGMENTS 256

struct queue {
    uint16_t size;                          /* descriptors, a power of two once the queue is enabled */
    uint64_t descriptors, available, used;  /* the rings' guest addresses */
    uint16_t next_available, next_used;     /* free-running, as in the rings */
    bool enabled;
    bool broken;                            /* the driver broke the rules: nothing is taken until a reset */
    bool indirect, event_index;             /* negotiated features */
};

/* One request: the segments the device reads, then those it writes. */
struct chain {
    uint16_t head;
    uint32_t readable, writable;  /* numbers of segments */
    struct segment segments[CHAIN_MAX_SEGMENTS];
};

void queue_reset(struct queue *q);
/* Enables the queue where its size and rings are sound; else it is broken. */
void queue_enable(struct vm *vm, struct queue *q);
/* Takes the next chain; false where there is none or it breaks the rules (the queue is then broken). */
bool queue_pop(struct vm *vm, struct queue *q, struct chain *chain);
/* Gives the chain back, `written` bytes of it filled. True where the driver wants to be interrupted for it. */
bool queue_push(struct vm *vm, struct queue *q, const struct chain *chain, uint32_t written);

struct cursor chain_reader(const struct chain *chain);
struct cursor chain_writer(const struct chain *chain);
uint64_t chain_readable_bytes(const struct chain *chain);
uint64_t chain_writable_bytes(const struct chain *chain);

void queue_save(const struct queue *q, struct stream *to);
/* False where no queue can be in such a state. */
bool queue_load(struct vm *vm, struct queue *q, struct stream *from);
