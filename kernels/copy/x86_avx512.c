/* AVX-512: 64-byte vectors, and byte masks that make any size below a vector one load and one store. */
#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 64
#define VEC __m512i
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,bmi2")))
#include "copy/blocks.h"

/* The low n bits set, n up to 64. */
BLOCK __mmask64 first_bytes(size_t n) { return _bzhi_u64(~0ULL, (unsigned)n); }

/* One masked pair. Bytes outside the mask are neither read nor written: faults there are suppressed. */
BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) {
    const __mmask64 mask = first_bytes(n);
    _mm512_mask_storeu_epi8(dst, mask, _mm512_maskz_loadu_epi8(mask, src));
}

/* Pair i of a branch-free copy lies at 64 i, or at the last vector where that comes first: a pair that the size does
   not need repeats the last one. An empty mask would do as well, were it not for the microcode that runs where the
   address under it is unmapped. */
#define LOAD_PAIR(i)                                          \
    size_t at##i = i * WIDTH < last ? i * WIDTH : last;       \
    XO_IN_REGISTER(at##i);                                    \
    const VEC value##i = _mm512_maskz_loadu_epi8(mask, src + at##i);
#define STORE_PAIR(i) _mm512_mask_storeu_epi8(dst + at##i, mask, value##i);
#define EACH_PAIR1(DO) DO(0)
#define EACH_PAIR2(DO) DO(0) DO(1)
#define EACH_PAIR4(DO) DO(0) DO(1) DO(2) DO(3)

/* n from 0 to `count` vectors, without a branch. */
#define MASKED_PAIRS(count)                                                                        \
    BLOCK void masked_pairs##count(byte *dst, const byte *src, size_t n, struct xo_kernel k) {     \
        (void)k;                                                                                   \
        const __mmask64 mask = first_bytes(n < WIDTH ? n : WIDTH);                                 \
        const size_t last = count == 1 || n < WIDTH ? 0 : n - WIDTH;                               \
        EACH_PAIR##count(LOAD_PAIR)                                                                \
        XO_BARRIER();                                                                              \
        EACH_PAIR##count(STORE_PAIR)                                                               \
    }

MASKED_PAIRS(1)
MASKED_PAIRS(2)
MASKED_PAIRS(4)

/* Whole vectors, then a masked one for the rest: the only branch is the loop's. */
BLOCK void masked_loop(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = k.unroll * (size_t)WIDTH;
    for (; n >= step; n -= step, dst += step, src += step)
        copy_step(dst, src, k.unroll);
    copy_below_vec(dst, src, n);
}

#define DEFINE(isa, name, family, body, limit, ...) XO_DEFINE(TARGET, name, body, __VA_ARGS__)
XO_AVX512_VARIANTS(DEFINE)
#else
typedef int xo_avx512_not_compiled;
#endif
