/* Streaming blocks, generic over the vector: stores that bypass the caches, for copies larger than those.

   Included after blocks.h by a file that has defined
     stream_vec2(dst, value)  stores two vectors non-temporally; dst is aligned to WIDTH
     stream_fence()           orders those stores before all later ones */
#define LINE 64
#define PAGE ((size_t)4096)

/* Four vectors. */
BLOCK void stream_step(byte *dst, const byte *src) {
    const vec4 value = load_vec4(src);
    XO_BARRIER();
    stream_vec2(dst, value.low);
    stream_vec2(dst + 2 * WIDTH, value.high);
}

/* The first line; returns after how many bytes dst begins a line, 1 to LINE. A line that is streamed in one
   go never waits half-filled in a write-combining buffer. */
BLOCK size_t line_head(byte *dst, const byte *src) {
    copy_step(dst, src, LINE / WIDTH);
    return LINE - (uintptr_t)dst % LINE;
}

/* The lines of a step to come. Beyond the buffer's end a prefetch does no harm: it never faults. */
BLOCK void prefetch_step(const byte *src, size_t bytes) {
    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch(src + at);
}

/* Low to high addresses like loop_forward, four vectors an iteration. */
BLOCK void stream_forward(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = 4 * WIDTH;
    if (n <= 2 * step) {
        copy_short(dst, src, n, 4);
        return;
    }
    const size_t last = n - step;
    size_t at = line_head(dst, src);
    do {
        if (k.prefetch)
            prefetch_step(src + at + k.prefetch, step);
        stream_step(dst + at, src + at);
        at += step;
    } while (at < last);
    copy_step(dst + last, src + last, 4);
    stream_fence();
}

/* A few pages side by side, a step of each in turn: every page is a stream of its own to the prefetchers, and
   more DRAM banks are busy at once (glibc's large_memcpy does so too). Less than that many pages is one
   stream. */
BLOCK void stream_pages(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = 4 * WIDTH, span = k.pages * PAGE;
    size_t at = 0;
    if (n >= span + LINE) {
        for (at = line_head(dst, src); n - at >= span; at += span)
            for (size_t in_page = at; in_page < at + PAGE; in_page += step)
                for (size_t page = 0; page < span; page += PAGE)
                    stream_step(dst + in_page + page, src + in_page + page);
        stream_fence();
    }
    stream_forward(dst + at, src + at, n - at, k);
}
