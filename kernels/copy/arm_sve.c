/* SVE: vectors as long as the CPU has them, and predicates that make any rest one load and one store. */
#include "copy/base.h"

#if XO_COMPILES_SVE
#include <arm_sve.h>

#define TARGET __attribute__((target("+sve")))
#define BLOCK XO_BLOCK TARGET

/* The bytes from `at` up to n, at most a vector; none where at >= n. */
BLOCK void copy_predicated(byte *dst, const byte *src, size_t at, size_t n) {
    const svbool_t here = svwhilelt_b8_u64(at, n);
    svst1_u8(here, dst + at, svld1_u8(here, src + at));
}

/* n up to two vectors, the shortest of which is 16 bytes, without a branch. */
BLOCK void masked_pairs(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    (void)k;
    const size_t second = svcntb();
    const svbool_t low = svwhilelt_b8_u64(0, n), high = svwhilelt_b8_u64(second, n);
    const svuint8_t first = svld1_u8(low, src), rest = svld1_u8(high, src + second);
    svst1_u8(low, dst, first);
    svst1_u8(high, dst + second, rest);
}

/* Four whole vectors: all loads, then all stores. */
BLOCK void copy_vec4(byte *dst, const byte *src) {
    const svbool_t all = svptrue_b8();
    const svuint8_t a = svld1_vnum_u8(all, src, 0), b = svld1_vnum_u8(all, src, 1);
    const svuint8_t c = svld1_vnum_u8(all, src, 2), d = svld1_vnum_u8(all, src, 3);
    XO_BARRIER();
    svst1_vnum_u8(all, dst, 0, a);
    svst1_vnum_u8(all, dst, 1, b);
    svst1_vnum_u8(all, dst, 2, c);
    svst1_vnum_u8(all, dst, 3, d);
}

/* [Four whole vectors an iteration, then] one predicated vector an iteration. */
BLOCK void predicated_loop(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t width = svcntb();
    size_t at = 0;
    if (k.unroll == 4)
        for (; n - at >= 4 * width; at += 4 * width)
            copy_vec4(dst + at, src + at);
    for (; at < n; at += width)
        copy_predicated(dst, src, at, n);
}

XO_SVE_VARIANTS(XO_DEFINE)
#endif
