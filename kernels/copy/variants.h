/* Every variant, named once: an ISA's file makes its function of it, table.c its row.

   ROW(isa, name, family, body, max_size, parameters...)
   `body` is the block that does it; `parameters` are fields of struct xo_kernel, constants to the body. */
#pragma once
#include <stdint.h>

#define XO_PORTABLE_VARIANTS(ROW)                                                   \
    ROW(any, portable, "portable", loop_forward, SIZE_MAX, .width = 8, .unroll = 4) \
    ROW(any, small_scalar, "small", small_scalar, 8, .width = 8)

#define XO_STRING_VARIANTS(ROW)                                         \
    ROW(x86_64, rep_movsb, "string", rep_movsb, SIZE_MAX, .aligned = 0) \
    ROW(x86_64, rep_movsb_aligned, "string", rep_movsb, SIZE_MAX, .aligned = 1)

/* What every vector ISA has. */
#define XO_LOOPS(ROW, isa, bytes)                                                                           \
    ROW(isa, isa##_u1, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 1)                         \
    ROW(isa, isa##_u2, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 2)                         \
    ROW(isa, isa##_u4, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 4)                         \
    ROW(isa, isa##_u8, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 8)                         \
    ROW(isa, isa##_u1_aligned, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 1, .aligned = 1)   \
    ROW(isa, isa##_u2_aligned, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 2, .aligned = 1)   \
    ROW(isa, isa##_u4_aligned, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1)   \
    ROW(isa, isa##_u8_aligned, "loop", loop_forward, SIZE_MAX, .width = bytes, .unroll = 8, .aligned = 1)   \
    ROW(isa, isa##_u4_backward, "loop", loop_backward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1, \
        .backward = 1)

/* Streaming in order, and several pages side by side. */
#define XO_STREAMS(ROW, isa, bytes)                                                                        \
    ROW(isa, isa##_nt, "stream", stream_forward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1,      \
        .streaming = 1)                                                                                    \
    ROW(isa, isa##_nt_pages4, "stream", stream_pages, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1, \
        .streaming = 1, .pages = 4)

/* Longer distances and more pages, for vectors wide enough to be limited by memory alone. */
#define XO_WIDE_STREAMS(ROW, isa, bytes)                                                                     \
    ROW(isa, isa##_nt_pf512, "stream", stream_forward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1,  \
        .streaming = 1, .prefetch = 512)                                                                     \
    ROW(isa, isa##_nt_pf1024, "stream", stream_forward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1, \
        .streaming = 1, .prefetch = 1024)                                                                    \
    ROW(isa, isa##_nt_pf4096, "stream", stream_forward, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1, \
        .streaming = 1, .prefetch = 4096)                                                                    \
    ROW(isa, isa##_nt_pages8, "stream", stream_pages, SIZE_MAX, .width = bytes, .unroll = 4, .aligned = 1,   \
        .streaming = 1, .pages = 8)

#define XO_SSE2_VARIANTS(ROW)                                                  \
    ROW(sse2, sse2_small64, "small", small_copy, 64, .width = 16, .unroll = 4) \
    XO_LOOPS(ROW, sse2, 16)                                                    \
    XO_STREAMS(ROW, sse2, 16)

#define XO_AVX2_VARIANTS(ROW)                                                    \
    ROW(avx2, avx2_small128, "small", small_copy, 128, .width = 32, .unroll = 4) \
    XO_LOOPS(ROW, avx2, 32)                                                      \
    XO_STREAMS(ROW, avx2, 32)                                                    \
    XO_WIDE_STREAMS(ROW, avx2, 32)

#define XO_AVX512_VARIANTS(ROW)                                                                \
    ROW(avx512, avx512_masked64, "masked", masked_pair, 64, .width = 64, .unroll = 1)          \
    ROW(avx512, avx512_masked128, "masked", masked_pairs, 128, .width = 64, .unroll = 2)       \
    ROW(avx512, avx512_small256, "small", small_copy, 256, .width = 64, .unroll = 4)           \
    ROW(avx512, avx512_masked_loop, "masked", masked_loop, SIZE_MAX, .width = 64, .unroll = 1) \
    XO_LOOPS(ROW, avx512, 64)                                                                  \
    XO_STREAMS(ROW, avx512, 64)                                                                \
    XO_WIDE_STREAMS(ROW, avx512, 64)

#define XO_NEON_VARIANTS(ROW)                                                  \
    ROW(neon, neon_small64, "small", small_copy, 64, .width = 16, .unroll = 4) \
    XO_LOOPS(ROW, neon, 16)                                                    \
    XO_STREAMS(ROW, neon, 16)

#define XO_SVE_VARIANTS(ROW)                                         \
    ROW(sve, sve_masked32, "masked", masked_pairs, 32, .unroll = 2)  \
    ROW(sve, sve_u1, "loop", predicated_loop, SIZE_MAX, .unroll = 1) \
    ROW(sve, sve_u4, "loop", predicated_loop, SIZE_MAX, .unroll = 4)
