/* SSE2: 16-byte vectors, which every x86-64 has. */
#include "copy/base.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 16
#define VEC __m128i
#define TARGET
#include "copy/blocks.h"

BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) { copy_below16(dst, src, n); }
BLOCK void spread_below_vec(byte *dst, const byte *src, size_t n) { spread_below16(dst, src, n); }

BLOCK void stream_vec2(byte *dst, vec2 value) {
    _mm_stream_si128((__m128i *)dst, value.low);
    _mm_stream_si128((__m128i *)dst + 1, value.high);
}

BLOCK void stream_fence(void) { _mm_sfence(); }

#include "copy/small.h"
#include "copy/stream.h"

XO_SSE2_VARIANTS(XO_DEFINE)
#endif
