/* The copy kernels: one function pointer type, one table that names every variant.
   Read by the C compiler and by cffi: plain declarations only. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef void *(*xo_copy_fn)(void *dst, const void *src, size_t n);

struct xo_kernel {
    const char *name;     /* unique, e.g. "avx512_u4" */
    const char *isa;      /* "any", "x86_64", "sse2", "avx2", "avx512", "neon", "sve" */
    const char *family;   /* "libc", "string", "loop", "masked", "small", "stream", "portable" */
    uint16_t width;       /* bytes a vector; 0 where it has none or the CPU decides */
    uint16_t unroll;      /* vectors an iteration; 0 where it has no loop */
    uint16_t prefetch;    /* bytes ahead; 0 for none */
    uint8_t aligned;      /* 1: the loop's stores are aligned to width */
    uint8_t backward;     /* 1: the loop runs from high to low addresses */
    uint8_t streaming;    /* 1: the loop's stores are non-temporal */
    uint8_t pages;        /* pages that the loop copies side by side; 0: it takes the bytes in order */
    uint8_t runnable;     /* 1: this CPU can run it; filled in by detection */
    size_t max_size;      /* largest n it accepts; SIZE_MAX for any */
    xo_copy_fn fn;        /* NULL where it is not compiled for this architecture */
};

/* The table of every variant this build knows, with `runnable` detected once. Never NULL. */
const struct xo_kernel *xo_kernels(size_t *count);
