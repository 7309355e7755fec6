/* AVX2: 32-byte vectors. */
#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 32
#define VEC __m256i
#define TARGET __attribute__((target("avx2")))
#define any_set(v) (!_mm256_testz_si256((v), (v)))
#include "zero_scan/scan.h"

XO_ZERO_AVX2(DEFINE)
#else
typedef int xo_zero_avx2_is_elsewhere;
#endif
