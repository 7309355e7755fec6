/* SSE2: 16-byte vectors, on every x86-64. */
#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 16
#define VEC __m128i
#define TARGET __attribute__((target("sse2")))
#define any_set(v) (_mm_movemask_epi8(_mm_cmpeq_epi8((v), _mm_setzero_si128())) != 0xffff)
#include "zero_scan/scan.h"

XO_ZERO_SSE2(DEFINE)
#else
typedef int xo_zero_sse2_is_elsewhere;
#endif
