/* Scalar blocks: sizes below one vector, without loops; a power of two is a single access. */
#pragma once
#include "copy/base.h"

/* Volatile, so that one access in the source is one instruction: 1, 2, 4 and 8 bytes must not tear. */
#define XO_SCALAR(bits)                                                                         \
    typedef volatile uint##bits##_t u##bits##_at __attribute__((aligned(1), may_alias));        \
    XO_BLOCK uint##bits##_t load##bits(const byte *p) { return *(const u##bits##_at *)p; }      \
    XO_BLOCK void store##bits(byte *p, uint##bits##_t value) { *(u##bits##_at *)p = value; }    \
    XO_BLOCK void copy##bits(byte *dst, const byte *src) { store##bits(dst, load##bits(src)); } \
    /* n from one to two times the scalar: the first and the last, which may overlap. */        \
    XO_BLOCK void copy_ends##bits(byte *dst, const byte *src, size_t n) {                       \
        const uint##bits##_t first = load##bits(src), last = load##bits(src + n - bits / 8);    \
        store##bits(dst, first);                                                                \
        store##bits(dst + n - bits / 8, last);                                                  \
    }

XO_SCALAR(8)
XO_SCALAR(16)
XO_SCALAR(32)
XO_SCALAR(64)

/* 0 to 3 bytes; the middle one is the first or the last again where there is none. */
XO_BLOCK void copy_below4(byte *dst, const byte *src, size_t n) {
    if (n == 0)
        return;
    const byte first = load8(src), middle = load8(src + n / 2), last = load8(src + n - 1);
    store8(dst, first);
    store8(dst + n / 2, middle);
    store8(dst + n - 1, last);
}

XO_BLOCK void copy_below8(byte *dst, const byte *src, size_t n) {
    if (n >= 4)
        copy_ends32(dst, src, n);
    else
        copy_below4(dst, src, n);
}

XO_BLOCK void copy_below16(byte *dst, const byte *src, size_t n) {
    if (n >= 8)
        copy_ends64(dst, src, n);
    else
        copy_below8(dst, src, n);
}

/* The same with the fewest branches, for sizes that no predictor learns: from 4 bytes on four 32-bit scalars,
   whose places coincide where n is small. Dearer where the sizes are predictable, and a wider load of the
   copied bytes soon after cannot be forwarded from these stores. */
XO_BLOCK void spread_below16(byte *dst, const byte *src, size_t n) {
    if (n < 4) {
        copy_below4(dst, src, n);
        return;
    }
    const size_t inner = n / 8 * 4, last = n - 4;
    const uint32_t a = load32(src), b = load32(src + inner);
    const uint32_t c = load32(src + last - inner), d = load32(src + last);
    store32(dst, a);
    store32(dst + inner, b);
    store32(dst + last - inner, c);
    store32(dst + last, d);
}
