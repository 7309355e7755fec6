/* NEON: 16-byte vectors, which every aarch64 has; the compiler makes ldp and stp of two neighbours. */
#include "copy/base.h"

#ifdef __aarch64__
#include <arm_neon.h>

#define WIDTH 16
#define VEC uint8x16_t
#define TARGET
#include "copy/blocks.h"

BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) { copy_below16(dst, src, n); }
BLOCK void spread_below_vec(byte *dst, const byte *src, size_t n) { spread_below16(dst, src, n); }

BLOCK void stream_vec2(byte *dst, vec2 value) {
    __asm__ volatile("stnp %q0, %q1, [%2]" : : "w"(value.low), "w"(value.high), "r"(dst) : "memory");
}

/* The architecture orders stnp like any store to normal memory. */
BLOCK void stream_fence(void) {}

#include "copy/small.h"
#include "copy/stream.h"

XO_NEON_VARIANTS(XO_DEFINE)
#endif
