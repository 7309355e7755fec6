/* Every variant, named once: an ISA's file makes its functions of it, table.c its row.

   ROW(isa, name, family, parameters...)
   `parameters` are fields of struct xo_zero_kernel, constants to the scan. */
#pragma once

#define XO_ZERO_LOOPS(ROW, isa, family, bytes)                                         \
    ROW(isa, isa##_u1, family, .width = bytes, .unroll = 1)                            \
    ROW(isa, isa##_u2, family, .width = bytes, .unroll = 2)                            \
    ROW(isa, isa##_u4, family, .width = bytes, .unroll = 4)                            \
    ROW(isa, isa##_u8, family, .width = bytes, .unroll = 8)                            \
    ROW(isa, isa##_u4_sampled, family, .width = bytes, .unroll = 4, .sampled = 1)

#define XO_ZERO_SCALAR(ROW) XO_ZERO_LOOPS(ROW, any, "scalar", 8)
#define XO_ZERO_SSE2(ROW) XO_ZERO_LOOPS(ROW, sse2, "loop", 16)
#define XO_ZERO_AVX2(ROW) XO_ZERO_LOOPS(ROW, avx2, "loop", 32)
#define XO_ZERO_AVX512(ROW) XO_ZERO_LOOPS(ROW, avx512, "loop", 64)
#define XO_ZERO_NEON(ROW) XO_ZERO_LOOPS(ROW, neon, "loop", 16)
