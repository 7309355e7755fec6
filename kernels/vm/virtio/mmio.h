/* The register file that every virtio device shows its driver (virtio 1.2, section 4.2, version 2). */
#pragma once
#include "vm/virtio/queue.h"

#define VIRTIO_QUEUES 2
#define VIRTIO_CONFIG 64
#define VIRTIO_F_VERSION_1 ((uint64_t)1 << 32)

struct virtio;

struct virtio_kind {
    const char *name;
    uint32_t id;
    uint64_t features;  /* offered besides VERSION_1 */
    /* The driver has put something into this queue. */
    void (*notify)(struct virtio *v, uint32_t queue);
    void (*reset)(struct virtio *v);                        /* may be NULL */
    void (*save)(struct virtio *v, struct stream *to);      /* state beside the registers; may be NULL */
    bool (*load)(struct virtio *v, struct stream *from);
    void (*destroy)(struct virtio *v);
};

struct virtio {
    const struct virtio_kind *kind;
    struct vm *vm;
    uint32_t line;
    uint64_t features;  /* what this one offers */
    uint64_t accepted;
    uint32_t feature_word, accepted_word, selected, status, interrupts, generation;
    struct virtqueue queues[VIRTIO_QUEUES];
    uint32_t queue_count;
    uint8_t config[VIRTIO_CONFIG];
    struct chain chain;  /* the one being served */
    void *state;         /* the kind's own */
};

/* Puts a device into the next free slot; takes over `state`, also where it fails. NULL: vm->error says why. */
struct virtio *virtio_attach(struct vm *vm, const struct virtio_kind *kind, uint64_t features, uint32_t queues, void *state);
/* The device in a slot, if it is of this kind. */
struct virtio *virtio_at(struct vm *vm, uint32_t slot, const struct virtio_kind *kind);
uint32_t virtio_slot(const struct virtio *v);
/* The driver has finished setting it up. */
bool virtio_running(const struct virtio *v);
/* Gives the chain in `v->chain` back and interrupts the driver if it wants that. */
void virtio_return(struct virtio *v, uint32_t queue, uint64_t written);
/* The next chain into `v->chain`; false: there is none. */
bool virtio_take(struct virtio *v, uint32_t queue);
/* The configuration space has changed. */
void virtio_config_changed(struct virtio *v);
