/* virtio devices for a machine: disks, networks, a display. Attach them before the machine runs; they end with it.
   Functions with a slot's number take what an attach function returned. Plain declarations only. */
#pragma once
#include "vm/vm.h"

/* A disk from a host file, shared with other users of that file; sectors of 512 bytes, a rest is left out. The file
   must not shrink while the machine lives. Returns the slot, or -1 with vm_error's sentence. */
int vm_attach_block(struct vm *vm, const char *path, int read_only);
/* A disk in memory of its own, which starts as a copy of `bytes` (NULL: zeros) and is part of snapshots. */
int vm_attach_block_memory(struct vm *vm, const uint8_t *bytes, uint64_t size, int read_only);
/* The disk's bytes, and their number in `size`; NULL where the slot holds no disk. */
uint8_t *vm_block_bytes(struct vm *vm, uint32_t slot, uint64_t *size);
/* Transfers end where the guest's address is a multiple of `bytes` (4096 from the start); 0: they do not. */
int vm_block_set_split(struct vm *vm, uint32_t slot, uint32_t bytes);

/* --- Networks: all in the thread that runs the machine ----------------------------------------------------- */

#define VM_NET_FRAME_MAX 65554  /* 64 KiB and an Ethernet header with a VLAN tag */

/* Called with each frame that the guest sends; the bytes are good until it returns. It may call vm_net_receive. */
typedef void (*vm_net_send)(void *user, const uint8_t *frame, size_t size);
/* Called between slices of a run, so that a backend can look for frames and hand them to vm_net_receive. */
typedef void (*vm_net_poll)(void *user);

struct vm_net_counters {
    uint64_t sent, received;  /* frames that left the guest, and that reached it */
    uint64_t dropped;         /* too long, too many waiting, or no room in the guest's buffer */
    uint64_t waiting;         /* for buffers of the guest */
};

/* A network card with the Ethernet address `mac` (6 bytes). Without `send` what the guest sends comes back to it.
   Returns the slot, or -1 with vm_error's sentence. */
int vm_attach_net(struct vm *vm, const uint8_t *mac, vm_net_send send, vm_net_poll poll, void *user);
/* Hands a frame to the guest, or lets it wait. 1: taken; 0: dropped; -1: the slot holds no network card. */
int vm_net_receive(struct vm *vm, uint32_t slot, const uint8_t *frame, size_t size);
/* -1 where the slot holds no network card. */
int vm_net_count(struct vm *vm, uint32_t slot, struct vm_net_counters *counters);

/* --- Displays -------------------------------------------------------------------------------------------- */

/* A display with one picture of that size, at most 4096 pixels a side. Returns the slot, or -1 with vm_error's
   sentence. */
int vm_attach_display(struct vm *vm, uint32_t width, uint32_t height);

struct vm_display {
    uint32_t width, height;
    uint32_t format;      /* VIRTIO_GPU_FORMAT_* of what is shown; 0 as long as nothing is */
    uint8_t *pixels;      /* rows of width * 4 bytes, without gaps; good as long as the machine */
    uint8_t *dirty_rows;  /* one byte a row: 1 where a flush has written it; the viewer sets it back */
};

/* -1 where the slot holds no display. */
int vm_display_view(struct vm *vm, uint32_t slot, struct vm_display *view);
