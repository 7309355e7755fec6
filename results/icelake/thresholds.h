/* Which copy kernel serves which sizes: generated from a thresholds.toml, not to be edited.
   Machine 83cd2c275c6441c2 (icelake), 2026-11-23. */
#ifndef CROSSOVER_THRESHOLDS_H
#define CROSSOVER_THRESHOLDS_H
#include <stdint.h>

#define CROSSOVER_SCHEMA_VERSION 1
#define CROSSOVER_MACHINE_KEY "83cd2c275c6441c2"
#define CROSSOVER_SIMD_STDLIB_CROSSOVER ((size_t)8388608)

/* Sizes up to DIRECT_LAST take one jump; from CLASS_MIN on the alignment classes are asked. */
#define CROSSOVER_DIRECT_LAST ((size_t)64)
#define CROSSOVER_DIRECT(KERNEL) KERNEL(avx512_masked64)
#define CROSSOVER_CLASS_MIN ((size_t)1157)

/* RULE(end, kernel) serves the sizes below end, LAST(kernel) the rest. */
#define CROSSOVER_RULES_delta_1_40_mod_1024(RULE, LAST) \
    RULE(((size_t)1400), libc) \
    RULE(((size_t)24000), avx512_u4_backward) \
    RULE(((size_t)131073), avx512_u8_aligned) \
    LAST(libc)
#define CROSSOVER_RULES_any(RULE, LAST) \
    RULE(((size_t)65), avx512_masked64) \
    RULE(((size_t)129), libc) \
    RULE(((size_t)257), avx512_small256) \
    RULE(((size_t)1157), libc) \
    RULE(((size_t)4613), avx512_u4_aligned) \
    RULE(((size_t)65537), rep_movsb_aligned) \
    LAST(libc)

/* CLASS(name, mask, low, span, min_size): ((dst - src - low) & mask) < span. */
#define CROSSOVER_CLASSES(CLASS) \
    CLASS(delta_1_40_mod_1024, ((size_t)1023), ((size_t)1), ((size_t)40), ((size_t)1157))

/* Every kernel that is named above, but for libc's. */
#define CROSSOVER_KERNELS(KERNEL) \
    KERNEL(avx512_masked64) \
    KERNEL(avx512_small256) \
    KERNEL(avx512_u4_aligned) \
    KERNEL(avx512_u4_backward) \
    KERNEL(avx512_u8_aligned) \
    KERNEL(rep_movsb_aligned)

#include "dispatch/specialised.h"
#endif
