#include "copy/api.h"
#include "timing/api.h"
#include "timing/clock.h"

#include <stdbool.h>

#define LINE 64

static volatile uint64_t sink; /* what rereading adds up, so that no compiler drops the reads */

static size_t size_of(const struct xo_batch *batch, size_t slot) {
    return batch->sizes ? batch->sizes[slot] : batch->size;
}

/* Whether [at * grain + shift, ... + size) lies within `extent` bytes; no sum can overflow unnoticed. */
static bool inside(uint32_t at, size_t grain, size_t shift, size_t size, size_t extent) {
    size_t begin, end;
    return !__builtin_mul_overflow((size_t)at, grain, &begin) && !__builtin_add_overflow(begin, shift, &begin) &&
           !__builtin_add_overflow(begin, size, &end) && end <= extent;
}

int xo_batch_check(const struct xo_batch *batch) {
    if (batch->slots == 0 || (batch->slots & (batch->slots - 1)))
        return XO_TIMING_SLOTS;
    for (size_t slot = 0; slot < batch->slots; slot++) {
        const size_t size = size_of(batch, slot);
        if (!inside(batch->dst_at[slot], batch->grain, batch->dst_shift, size, batch->dst_bytes) ||
            !inside(batch->src_at[slot], batch->grain, batch->src_shift, size, batch->src_bytes))
            return XO_TIMING_BOUNDS;
    }
    return XO_TIMING_OK;
}

static uint64_t read_lines(const unsigned char *memory, size_t bytes) {
    uint64_t sum = 0;
    for (size_t at = 0; at < bytes; at += LINE)
        sum += memory[at];
    return sum;
}

/* One pair of buffers, one size: the loop holds nothing but the call. */
static void run_fixed(xo_copy_fn fn, unsigned char *dst, const unsigned char *src, size_t size, size_t calls) {
    for (size_t i = 0; i < calls; i++)
        fn(dst, src, size);
}

/* One pair of buffers, sizes drawn beforehand. */
static void run_sizes(xo_copy_fn fn, unsigned char *dst, const unsigned char *src, const uint32_t *sizes, size_t mask,
                      size_t first, size_t calls) {
    for (size_t i = 0; i < calls; i++)
        fn(dst, src, sizes[(first + i) & mask]);
}

/* Everything else: addresses from the slots, perhaps read again. */
static void run_slots(xo_copy_fn fn, const struct xo_batch *batch, size_t first, size_t calls) {
    const size_t mask = batch->slots - 1;
    uint64_t sum = 0;
    for (size_t i = 0; i < calls; i++) {
        const size_t slot = (first + i) & mask, size = size_of(batch, slot);
        unsigned char *dst = batch->dst + batch->dst_at[slot] * batch->grain + batch->dst_shift;
        fn(dst, batch->src + batch->src_at[slot] * batch->grain + batch->src_shift, size);
        if (batch->reread)
            sum += read_lines(dst, size);
    }
    sink = sum;
}

/* Whether the slots name one address pair only. */
static bool one_place(const struct xo_batch *batch) {
    return !batch->reread && (batch->slots == 1 || batch->grain == 0);
}

static void run(xo_copy_fn fn, const struct xo_batch *batch, size_t first, size_t calls) {
    unsigned char *dst = batch->dst + batch->dst_at[0] * batch->grain + batch->dst_shift;
    const unsigned char *src = batch->src + batch->src_at[0] * batch->grain + batch->src_shift;
    if (!one_place(batch))
        run_slots(fn, batch, first, calls);
    else if (batch->sizes)
        run_sizes(fn, dst, src, batch->sizes, batch->slots - 1, first, calls);
    else
        run_fixed(fn, dst, src, batch->size, calls);
}

double xo_time_batch(uintptr_t fn, const struct xo_batch *batch, size_t first, size_t calls) {
    const double start = xo_now_ns();
    run((xo_copy_fn)fn, batch, first, calls);
    return xo_now_ns() - start;
}

void xo_fill(unsigned char *memory, size_t bytes) {
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t at = 0; at < bytes; at += sizeof state) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const size_t left = bytes - at < sizeof state ? bytes - at : sizeof state;
        __builtin_memcpy(memory + at, &state, left);
    }
}
