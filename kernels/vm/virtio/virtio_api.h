/* Virtio devices as users attach and reach them. Read by the C compiler and by cffi: plain declarations only.
   Functions that return a slot give -1 where they fail; vm_error says why. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct vm;

/* A disk in a file, mapped into memory; its size is a multiple of 512. */
int vm_attach_block(struct vm *vm, const char *path, int read_only);
/* Copies of a disk's transfers are cut at multiples of so many guest bytes; 0: not cut. At first 4096. */
int vm_block_set_split(struct vm *vm, uint32_t slot, uint32_t bytes);

/* Takes a frame that the guest sends. */
typedef void (*vm_net_send)(void *user, const uint8_t *frame, size_t size);
/* A network card; what it sends goes to `send`, or, where that is NULL, comes back as received. */
int vm_attach_net(struct vm *vm, vm_net_send send, void *user);
/* Gives the guest a frame. Returns 0, or -1 where it is dropped: too long, or too many wait. */
int vm_net_receive(struct vm *vm, uint32_t slot, const uint8_t *frame, size_t size);
/* Frames dropped so far. */
uint64_t vm_net_dropped(struct vm *vm, uint32_t slot);

/* A display of so many pixels of 4 bytes. */
int vm_attach_display(struct vm *vm, uint32_t width, uint32_t height);
uint32_t vm_display_width(struct vm *vm, uint32_t slot);
uint32_t vm_display_height(struct vm *vm, uint32_t slot);
/* What it shows: height rows of 4 * width bytes. */
const uint8_t *vm_display_pixels(struct vm *vm, uint32_t slot);
/* One byte a row: not 0 where it changed since the last vm_display_clear_dirty. */
const uint8_t *vm_display_dirty(struct vm *vm, uint32_t slot);
void vm_display_clear_dirty(struct vm *vm, uint32_t slot);
