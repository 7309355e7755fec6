/* The dispatcher with a policy's thresholds as constants: crossover_copy and crossover_move.

   Included by a generated thresholds.h, which names classes, rules and kernels as macros over which this file goes.
   The program links the kernels (libcrossover.a or .so). Kernels are called directly; constant sizes fold away.
   Nothing is checked at run time: a program made for one machine's header must not run on a CPU without its kernels. */
#pragma once
#ifndef CROSSOVER_CLASSES
#error "include a generated thresholds.h; it includes this file"
#endif
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "copy/api.h"
#include "dispatch/api.h"
#include "dispatch/scalar.h"

/* The one kernel that is not ours. */
#define xo_copy_libc memcpy

#define XO_DECLARE(kernel) void *xo_copy_##kernel(void *dst, const void *src, size_t n);
CROSSOVER_KERNELS(XO_DECLARE)
#undef XO_DECLARE

#define XO_RULE(end, kernel)                                                                      \
    if (n < (end))                                                                                \
        return xo_copy_##kernel(dst, src, n);
#define XO_LAST(kernel) return xo_copy_##kernel(dst, src, n);
#define XO_DEFINE_CLASS(name, mask, low, span, min_size)                                          \
    static inline void *crossover_in_##name(void *dst, const void *src, size_t n) {               \
        CROSSOVER_RULES_##name(XO_RULE, XO_LAST)                                                  \
    }
#define XO_TEST_CLASS(name, mask, low, span, min_size)                                            \
    if (n >= (min_size) && ((delta - (low)) & (mask)) < (span))                                   \
        return crossover_in_##name(dst, src, n);
#define XO_FUNCTION(kernel) xo_copy_##kernel

CROSSOVER_CLASSES(XO_DEFINE_CLASS)
XO_DEFINE_CLASS(any, 0, 0, 1, 0)

static inline void *crossover_by_rule(void *dst, const void *src, size_t n) {
    const uintptr_t delta = (uintptr_t)dst - (uintptr_t)src;
    (void)delta;
    if (n >= CROSSOVER_CLASS_MIN) {
        CROSSOVER_CLASSES(XO_TEST_CLASS)
    }
    return crossover_in_any(dst, src, n);
}

/* memcpy; the ranges must not overlap. */
static inline void *crossover_copy(void *dst, const void *src, size_t n) {
    static const xo_copy_fn direct[XO_SCALAR_SIZES + 1] = {XO_SCALAR_TARGETS, CROSSOVER_DIRECT(XO_FUNCTION)};
    if (__builtin_expect(n > CROSSOVER_DIRECT_LAST, 0))
        return crossover_by_rule(dst, src, n);
    return direct[xo_at_most(n, XO_SCALAR_SIZES)](dst, src, n);
}

/* memmove. */
static inline void *crossover_move(void *dst, const void *src, size_t n) {
    if (__builtin_expect((n <= XO_SCALAR_MAX) | xo_disjoint(dst, src, n), 1))
        return crossover_copy(dst, src, n);
    return memmove(dst, src, n);
}

#undef XO_RULE
#undef XO_LAST
#undef XO_DEFINE_CLASS
#undef XO_TEST_CLASS
#undef XO_FUNCTION

#ifdef __cplusplus
}
#endif
