/* Kernels that say whether a range is all zero: one table that names every variant.
   Read by the C compiler and by cffi: plain declarations only; include copy/api.h first. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Not 0 where all n bytes are zero. */
typedef int (*xo_zero_fn)(const void *bytes, size_t n);

struct xo_zero_kernel {
    const char *name;    /* unique, e.g. "avx2_u4" */
    const char *isa;     /* as of the copy kernels */
    const char *family;  /* "libc", "scalar" or "loop" */
    uint16_t width;      /* bytes a step looks at at once */
    uint16_t unroll;     /* of them an iteration */
    uint8_t sampled;     /* 1: looks at a few words all over the range before it begins */
    uint8_t runnable;    /* 1: this CPU can run it; filled in by detection */
    xo_zero_fn fn;       /* NULL where it is not compiled for this architecture */
    xo_copy_fn timed;    /* the same under a copy's signature, for the batch timer: scans the source */
};

/* The table of every variant this build knows, with `runnable` detected once. Never NULL. */
const struct xo_zero_kernel *xo_zero_kernels(size_t *count);
