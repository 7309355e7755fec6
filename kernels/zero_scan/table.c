/* The table of all variants, and libc's way of doing it: a range is zero if its first byte is and each byte equals the
   next. */
#include <pthread.h>
#include <string.h>

#include "zero_scan/base.h"

int xo_zero_libc(const void *bytes, size_t n);
void *xo_zero_timed_libc(void *unused, const void *bytes, size_t n);

int xo_zero_libc(const void *bytes, size_t n)
{
    const byte *p = bytes;
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

void *xo_zero_timed_libc(void *unused, const void *bytes, size_t n)
{
    (void)unused;
    return (void *)(uintptr_t)xo_zero_libc(bytes, n);
}

#define DECLARE(isa, name, ...)                         \
    int xo_zero_##name(const void *bytes, size_t n);    \
    void *xo_zero_timed_##name(void *unused, const void *bytes, size_t n);
#define HERE(isa_, name_, family_, ...) \
    {.name = #name_, .isa = #isa_, .family = family_, .fn = xo_zero_##name_, .timed = xo_zero_timed_##name_, __VA_ARGS__},
#define ELSEWHERE(isa_, name_, family_, ...) {.name = #name_, .isa = #isa_, .family = family_, __VA_ARGS__},

XO_ZERO_SCALAR(DECLARE)
XO_ZERO_SSE2(DECLARE)
XO_ZERO_AVX2(DECLARE)
XO_ZERO_AVX512(DECLARE)
XO_ZERO_NEON(DECLARE)

static struct xo_zero_kernel table[] = {
    {.name = "libc", .isa = "any", .family = "libc", .fn = xo_zero_libc, .timed = xo_zero_timed_libc},
    XO_ZERO_SCALAR(HERE)
    XO_ZERO_SSE2(XO_ON_X86)
    XO_ZERO_AVX2(XO_ON_X86)
    XO_ZERO_AVX512(XO_ON_X86)
    XO_ZERO_NEON(XO_ON_ARM)
};

static void detect(void)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        table[i].runnable = table[i].fn != NULL && xo_isa_runnable(table[i].isa);
}

const struct xo_zero_kernel *xo_zero_kernels(size_t *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    *count = sizeof table / sizeof table[0];
    return table;
}
