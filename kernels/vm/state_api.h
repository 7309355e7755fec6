/* Snapshots, forks and migration. Read by the C compiler and by cffi: plain declarations only.
   Functions that return int give 0, or -1 where they fail; vm_error says why. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct vm;

#define VM_SNAPSHOT_VERSION 1

/* Bytes that hold a machine; vm_image_free frees them. */
struct vm_image {
    uint8_t *bytes;
    size_t size;
};

void vm_image_free(struct vm_image *image);

/* All of the machine (incremental = 0), or what changed since its last snapshot. */
int vm_snapshot_save(struct vm *vm, int incremental, struct vm_image *image);
/* Takes a snapshot over, the full one and then what came after it, each after the one it builds on. Refused, where any
   of them is damaged or of another machine: then this one stays as it was. */
int vm_snapshot_restore(struct vm *vm, const struct vm_image *images, size_t count);
/* Runs of dirty pages with so many clean ones between them at most are written as one. At first 4. */
void vm_snapshot_set_gap(struct vm *vm, uint32_t pages);

/* A hash of everything that decides how the machine goes on. */
uint64_t vm_state_hash(struct vm *vm);

/* Makes `child`, a machine of equal configuration and devices that has not run, continue where `parent` stands. Pages
   are shared until one of the two writes. */
int vm_fork(struct vm *parent, struct vm *child);
/* Copies every page that this machine still shares, in either direction. */
void vm_unshare(struct vm *vm);
/* Pages that this machine has not yet copied from its parent. */
uint64_t vm_shared_pages(const struct vm *vm);

/* Migration: the sender makes pieces, the receiver takes them in order. The first pieces are all of RAM, then what
   became dirty meanwhile, the last one the state. */
int vm_migrate_begin(struct vm *vm);
/* The next piece of this round, at most `batch` pages; a piece of size 0: the round is over. */
int vm_migrate_piece(struct vm *vm, uint32_t batch, struct vm_image *piece);
/* Starts another round over what is dirty now; returns how many pages that are. */
uint64_t vm_migrate_round(struct vm *vm);
/* The last piece: the machine's state. The machine must not run between the last round and this. */
int vm_migrate_finish(struct vm *vm, struct vm_image *piece);
/* Takes a piece; returns 1 after the last one, when the machine is ready to run. */
int vm_migrate_receive(struct vm *vm, const uint8_t *bytes, size_t size);

/* Which routine says whether a range is all zero: int (*)(const void *, size_t), not 0 for yes; 0 gives ours back. */
void vm_set_zero_scan(struct vm *vm, uintptr_t scan);
