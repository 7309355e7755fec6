/* AVX-512: 64-byte vectors. */
#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 64
#define VEC __m512i
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,bmi2")))
#define any_set(v) (_mm512_test_epi64_mask((v), (v)) != 0)
#include "zero_scan/scan.h"

XO_ZERO_AVX512(DEFINE)
#else
typedef int xo_zero_avx512_is_elsewhere;
#endif
