/* The string instruction, which the processor's microcode implements. */
#include "copy/base.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDTH 16
#define VEC __m128i
#define TARGET
#include "copy/blocks.h"

BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n) { copy_below16(dst, src, n); }

BLOCK void rep_movsb(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    if (k.aligned && n > 4 * WIDTH) {
        copy_vec4(dst, src);
        const size_t skip = 4 * WIDTH - (uintptr_t)dst % (4 * WIDTH);
        dst += skip;
        src += skip;
        n -= skip;
    }
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

XO_STRING_VARIANTS(XO_DEFINE)
#endif
