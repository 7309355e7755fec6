/* The table of all variants, and which of them this CPU can run. */
#include "copy/variants.h"
#include "copy/api.h"

#include <pthread.h>
#include <string.h>

#define DECLARE(isa, name, ...) void *xo_copy_##name(void *dst, const void *src, size_t n);
#define HERE(isa_, name_, family_, body, limit, ...)                                           \
    {.name = #name_, .isa = #isa_, .family = family_, .max_size = limit, .fn = xo_copy_##name_, __VA_ARGS__},
#define ELSEWHERE(isa_, name_, family_, body, limit, ...)                                      \
    {.name = #name_, .isa = #isa_, .family = family_, .max_size = limit, __VA_ARGS__},

#ifdef __x86_64__
#define X86 HERE
XO_STRING_VARIANTS(DECLARE)
XO_AVX512_VARIANTS(DECLARE)
#else
#define X86 ELSEWHERE
#endif
XO_PORTABLE_VARIANTS(DECLARE)

static struct xo_kernel table[] = {
    {.name = "libc", .isa = "any", .family = "libc", .max_size = SIZE_MAX, .fn = memcpy},
    XO_PORTABLE_VARIANTS(HERE)
    XO_STRING_VARIANTS(X86)
    XO_AVX512_VARIANTS(X86)
};

/* The compiler's run-time support asks cpuid, and xgetbv whether the operating system saves the registers. */
static int isa_runnable(const char *isa) {
#ifdef __x86_64__
    if (!strcmp(isa, "avx2"))
        return __builtin_cpu_supports("avx2") != 0;
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
#endif
    return !strcmp(isa, "any") || !strcmp(isa, "x86_64") || !strcmp(isa, "sse2") || !strcmp(isa, "neon");
}

static void detect(void) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        table[i].runnable = table[i].fn != NULL && isa_runnable(table[i].isa);
}

const struct xo_kernel *xo_kernels(size_t *count) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    *count = sizeof table / sizeof table[0];
    return table;
}
