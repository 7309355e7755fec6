/* AVX-512: 64-byte vectors, and byte masks that make any size below a vector one load and one store. */
#include "copy/base.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 64
#define VEC __m512i
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,bmi2")))
#include "copy/blocks.h"

/* The low min(n, 64) bits, n up to 255: bzhi looks at eight bits of the count, and keeps all from 64 on. */
BLOCK __mmask64 first_bytes(size_t n) { return _bzhi_u64(~0ULL, (unsigned)n); }

/* One masked pair. Bytes outside the mask are neither read nor written; where they lie in a page that is not
   there, microcode suppresses the fault, which takes a few hundred cycles. */
BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) {
    const __mmask64 mask = first_bytes(n);
    _mm512_mask_storeu_epi8(dst, mask, _mm512_maskz_loadu_epi8(mask, src));
}

BLOCK void spread_below_vec(byte *dst, const byte *src, size_t n) { copy_below_vec(dst, src, n); }

BLOCK void stream_vec2(byte *dst, vec2 value) {
    _mm512_stream_si512((__m512i *)dst, value.low);
    _mm512_stream_si512((__m512i *)dst + 1, value.high);
}

BLOCK void stream_fence(void) { _mm_sfence(); }

#include "copy/small.h"
#include "copy/stream.h"

/* n up to one vector: no branch at all. */
BLOCK void masked_pair(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    (void)k;
    copy_below_vec(dst, src, n);
}

/* n up to two vectors, without a branch: the second mask is empty where one is enough. */
BLOCK void masked_pairs(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    (void)k;
    size_t beyond = n < WIDTH ? 0 : n - WIDTH;
    XO_IN_REGISTER(beyond);
    const __mmask64 low = first_bytes(n), high = first_bytes(beyond);
    const VEC first = _mm512_maskz_loadu_epi8(low, src), rest = _mm512_maskz_loadu_epi8(high, src + WIDTH);
    _mm512_mask_storeu_epi8(dst, low, first);
    _mm512_mask_storeu_epi8(dst + WIDTH, high, rest);
}

/* Whole vectors, then a masked one for the rest: the only branch is the loop's. */
BLOCK void masked_loop(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = k.unroll * (size_t)WIDTH;
    for (; n >= step; n -= step, dst += step, src += step)
        copy_step(dst, src, k.unroll);
    copy_below_vec(dst, src, n);
}

XO_AVX512_VARIANTS(XO_DEFINE)
#endif
