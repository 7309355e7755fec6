/* Times one batch of calls of one copy function. Read by the C compiler and by cffi: plain declarations only. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* What a batch copies. Call i uses slot (first + i) modulo `slots`: size sizes[slot], from src + src_at[slot] to
   dst + dst_at[slot]. One slot is one pair of buffers again and again; many are fresh addresses, unpredictable sizes,
   or both. */
struct xo_batch {
    unsigned char *dst;
    const unsigned char *src;
    size_t dst_bytes;         /* extent of each arena: no slot may leave it */
    size_t src_bytes;
    const uint32_t *dst_at;   /* offsets, in units of `grain` bytes */
    const uint32_t *src_at;
    const uint32_t *sizes;    /* NULL: every size is `size` */
    size_t size;
    size_t grain;
    size_t dst_shift;         /* bytes added to every offset: the offset within a page or line */
    size_t src_shift;
    size_t slots;             /* a power of two */
    int reread;               /* read a word of every line of the destination after each copy */
};

enum xo_timing_status {
    XO_TIMING_OK = 0,
    XO_TIMING_SLOTS = -1,     /* slots is not a power of two */
    XO_TIMING_BOUNDS = -2,    /* a slot leaves its arena */
    XO_TIMING_THREADS = -3,   /* a thread could not be started */
};

/* Whether every slot lies within its arena. */
int xo_batch_check(const struct xo_batch *batch);

/* Nanoseconds of `calls` calls of the function at address `fn`, from slot `first` on. The batch has been checked. */
double xo_time_batch(uintptr_t fn, const struct xo_batch *batch, size_t first, size_t calls);

/* The same for `threads` batches at once, thread t pinned to cpus[t] (or free where cpus[t] is negative): nanoseconds
   from the moment all start to the moment the last one ends, or a negative xo_timing_status. */
double xo_time_batches(uintptr_t fn, const struct xo_batch *batches, const int *cpus, size_t threads, size_t calls);

/* Fills memory with bytes that differ, so that no page is the kernel's shared zero page. */
void xo_fill(unsigned char *memory, size_t bytes);

/* Writes `slots` distinct multiples of `pitch` below slots_in_all * pitch into `at`, in an order that no prefetcher
   follows; the same seed gives the same order. slots <= slots_in_all <= 2^32 / pitch. */
void xo_scatter(uint32_t *at, size_t slots, size_t slots_in_all, uint32_t pitch, uint64_t seed);
