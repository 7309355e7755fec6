/* The string instruction, which the processor's microcode implements. */
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

#define DEFINE(isa, name, family, body, limit, ...) XO_DEFINE(TARGET, name, body, __VA_ARGS__)
XO_STRING_VARIANTS(DEFINE)
#else
typedef int xo_string_not_compiled;
#endif
