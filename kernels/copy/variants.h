/* Every variant, named once: the files of kernels make its function of it, table.c its row.

   ROW(isa, name, family, body, max_size, parameters...)
   `body` is the block that does it; `parameters` are fields of struct xo_kernel, and compile-time constants to it. */
#pragma once
#include <stdint.h>

#define XO_PORTABLE_VARIANTS(ROW)                                                       \
    ROW(any, portable, "portable", loop_forward, SIZE_MAX, .width = 8, .unroll = 4)     \
    ROW(any, small_scalar, "small", small_scalar, 8, .width = 8)

#define XO_STRING_VARIANTS(ROW)                                                         \
    ROW(x86_64, rep_movsb, "string", rep_movsb, SIZE_MAX, .aligned = 0)                 \
    ROW(x86_64, rep_movsb_aligned, "string", rep_movsb, SIZE_MAX, .aligned = 1)

#define XO_AVX512_VARIANTS(ROW)                                                                           \
    ROW(avx512, avx512_masked64, "masked", masked_pairs1, 64, .width = 64, .unroll = 1)                    \
    ROW(avx512, avx512_masked128, "masked", masked_pairs2, 128, .width = 64, .unroll = 2)                  \
    ROW(avx512, avx512_masked256, "masked", masked_pairs4, 256, .width = 64, .unroll = 4)                  \
    ROW(avx512, avx512_masked_loop, "masked", masked_loop, SIZE_MAX, .width = 64, .unroll = 1)            \
    ROW(avx512, avx512_u1, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 1)                      \
    ROW(avx512, avx512_u2, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 2)                      \
    ROW(avx512, avx512_u4, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 4)                      \
    ROW(avx512, avx512_u8, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 8)                      \
    ROW(avx512, avx512_u1_aligned, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 1, .aligned = 1) \
    ROW(avx512, avx512_u2_aligned, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 2, .aligned = 1) \
    ROW(avx512, avx512_u4_aligned, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 4, .aligned = 1) \
    ROW(avx512, avx512_u8_aligned, "loop", loop_forward, SIZE_MAX, .width = 64, .unroll = 8, .aligned = 1) \
    ROW(avx512, avx512_u4_backward, "loop", loop_backward, SIZE_MAX, .width = 64, .unroll = 4, .aligned = 1, \
        .backward = 1)
