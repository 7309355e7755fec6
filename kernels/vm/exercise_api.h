/* Each memory path exercised again and again as its caller does it, for measuring. Read by the C compiler and by cffi:
   plain declarations only. */
#pragma once
#include <stdint.h>

struct vm_exercise;

/* Prepares a path for moves of `amount`: bytes, or pages of 4096 (page_cow, snapshot_*, migrate_*), or rows of 800 bytes
   out of 2560 (framebuffer_blit). `source` and `destination` are offsets within a page where the path leaves them
   open: that is guest_copy. `disk` names a file of at least the amount, for dma_*. NULL: no memory, or out of range. */
struct vm_exercise *vm_exercise_create(enum vm_path path, uint64_t amount, uint32_t source, uint32_t destination,
                                       const char *disk);
void vm_exercise_destroy(struct vm_exercise *e);
/* Makes the move so many times with the routine at `copy`; returns nanoseconds for all of them, or -1 where one failed. */
double vm_exercise_time(struct vm_exercise *e, uintptr_t copy, uint64_t times);
