/* NEON: 16-byte vectors, on every aarch64. */
#ifdef __aarch64__
#include <arm_neon.h>

#define WIDTH 16
#define VEC uint8x16_t
#define TARGET
#define any_set(v) (vmaxvq_u8(v) != 0)
#include "zero_scan/scan.h"

XO_ZERO_NEON(DEFINE)
#else
typedef int xo_zero_neon_is_elsewhere;
#endif
