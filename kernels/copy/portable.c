/* Plain C, a machine word at a time, and the smallest sizes as single scalars: for every architecture. */
#define WIDTH 8
#define VEC uint64_t
#define TARGET
#include "copy/blocks.h"

BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) { copy_below8(dst, src, n); }

/* Up to 8 bytes. 1, 2, 4 and 8 are one load and one store of exactly that size, so that another hart or a
   device that polls the destination never sees half of it. */
BLOCK void small_scalar(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    (void)k;
    switch (n) {
    case 1: copy8(dst, src); break;
    case 2: copy16(dst, src); break;
    case 4: copy32(dst, src); break;
    case 8: copy64(dst, src); break;
    default: copy_below8(dst, src, n);
    }
}

XO_PORTABLE_VARIANTS(XO_DEFINE)
