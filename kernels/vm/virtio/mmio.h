/* virtio over MMIO (virtio 1.2, section 4.2.2): the register file that all devices share. */
#pragma once
#include "vm/virtio/queue.h"

#define VIRTIO_SLOTS 8
#define VIRTIO_QUEUES 2
#define VIRTIO_CONFIG_SIZE 64

enum virtio_id { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_GPU = 16 };

enum virtio_interrupt { VIRTIO_USED_BUFFER = 1, VIRTIO_CONFIG_CHANGE = 2 };

#define VIRTIO_INDIRECT_DESC ((uint64_t)1 << 28)
#define VIRTIO_EVENT_IDX ((uint64_t)1 << 29)
#define VIRTIO_VERSION_1 ((uint64_t)1 << 32)
#define VIRTIO_TRANSPORT_FEATURES (VIRTIO_INDIRECT_DESC | VIRTIO_EVENT_IDX | VIRTIO_VERSION_1)

struct virtio;

/* What one kind of device is and does. The functions may be NULL where there is nothing to do. */
struct virtio_kind {
    const char *name;
    enum virtio_id id;
    uint64_t features;  /* offered beside VIRTIO_TRANSPORT_FEATURES */
    uint32_t queues;
    void (*notify)(struct virtio *device, uint32_t queue);
    void (*reset)(struct virtio *device);
    void (*poll)(struct virtio *device);
    void (*destroy)(struct virtio *device);
    void (*save)(struct virtio *device, struct stream *to);
    bool (*load)(struct virtio *device, struct stream *from);
};

struct virtio {
    struct vm *vm;
    const struct virtio_kind *kind;
    void *state;                        /* the kind's own */
    uint64_t features;                  /* all that are offered */
    uint64_t driver_features;           /* all that the driver took */
    uint32_t slot, irq;
    uint32_t status, interrupts;
    uint32_t device_select, driver_select, queue_select;  /* indices for windowed registers */
    uint32_t generation;                /* of the configuration space */
    uint8_t config[VIRTIO_CONFIG_SIZE];
    struct queue queues[VIRTIO_QUEUES];
};

/* Puts a device into the first free slot; NULL with a sentence in vm->error where that cannot be. The kind's destroy
   frees `state` later; where this fails it still is the caller's. `features` come beside the kind's. */
struct virtio *virtio_attach(struct vm *vm, const struct virtio_kind *kind, uint64_t features, void *state);
/* The device in a slot, or NULL unless it is of that kind (NULL: of any kind). */
struct virtio *virtio_at(struct vm *vm, uint32_t slot, const struct virtio_kind *kind);
/* Little-endian fields of the configuration space, as the driver will read them. */
void virtio_config_set(struct virtio *device, uint32_t offset, unsigned width, uint64_t value);
/* True once the driver has finished its set-up and nothing has gone wrong since. */
bool virtio_running(const struct virtio *device);
/* The next request of a queue. A queue that breaks the rules asks the driver for a reset. */
bool virtio_take(struct virtio *device, uint32_t queue, struct chain *chain);
/* Gives a request back with `written` bytes in it, and interrupts where the driver wants that. */
void virtio_give(struct virtio *device, uint32_t queue, const struct chain *chain, uint32_t written);
/* The driver broke the rules of the device: it must reset it. */
void virtio_fail(struct virtio *device);

/* The register file, and the reset that the driver may ask for. */
uint64_t virtio_register_read(void *opaque, uint64_t offset, unsigned width);
void virtio_register_write(void *opaque, uint64_t offset, uint64_t value, unsigned width);
void virtio_reset(struct virtio *device);
/* True where a driver can have brought the registers into such a state. */
bool virtio_registers_are_sound(const struct virtio *device);
