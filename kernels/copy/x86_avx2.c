/* AVX2: 32-byte vectors. */
#include "copy/base.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 32
#define VEC __m256i
#define TARGET __attribute__((target("avx2")))
#include "copy/blocks.h"

/* n from 16 to 32. */
BLOCK void copy_half_ends(byte *dst, const byte *src, size_t n) {
    const __m128i first = _mm_loadu_si128((const __m128i *)src);
    const __m128i last = _mm_loadu_si128((const __m128i *)(src + n - 16));
    _mm_storeu_si128((__m128i *)dst, first);
    _mm_storeu_si128((__m128i *)(dst + n - 16), last);
}

BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) {
    if (n >= 16)
        copy_half_ends(dst, src, n);
    else
        copy_below16(dst, src, n);
}

BLOCK void spread_below_vec(byte *dst, const byte *src, size_t n) {
    if (n >= 16)
        copy_half_ends(dst, src, n);
    else
        spread_below16(dst, src, n);
}

BLOCK void stream_vec2(byte *dst, vec2 value) {
    _mm256_stream_si256((__m256i *)dst, value.low);
    _mm256_stream_si256((__m256i *)dst + 1, value.high);
}

BLOCK void stream_fence(void) { _mm_sfence(); }

#include "copy/small.h"
#include "copy/stream.h"

XO_AVX2_VARIANTS(XO_DEFINE)
#endif
