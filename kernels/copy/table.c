/* The table of all variants, and which of them this CPU can run. */
#include "copy/base.h"

#include <pthread.h>
#include <string.h>
#if XO_COMPILES_SVE && defined __linux__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define DECLARE(isa, name, ...) void *xo_copy_##name(void *dst, const void *src, size_t n);
#define HERE(isa_, name_, family_, body, limit, ...) \
    {.name = #name_, .isa = #isa_, .family = family_, .max_size = limit, .fn = xo_copy_##name_, __VA_ARGS__},
#define ELSEWHERE(isa_, name_, family_, body, limit, ...) \
    {.name = #name_, .isa = #isa_, .family = family_, .max_size = limit, __VA_ARGS__},

#if XO_COMPILES_SVE
#define ON_SVE HERE
#else
#define ON_SVE ELSEWHERE
#endif

XO_PORTABLE_VARIANTS(DECLARE)
XO_STRING_VARIANTS(DECLARE)
XO_SSE2_VARIANTS(DECLARE)
XO_AVX2_VARIANTS(DECLARE)
XO_AVX512_VARIANTS(DECLARE)
XO_NEON_VARIANTS(DECLARE)
XO_SVE_VARIANTS(DECLARE)

static struct xo_kernel table[] = {
    {.name = "libc", .isa = "any", .family = "libc", .max_size = SIZE_MAX, .fn = memcpy},
    XO_PORTABLE_VARIANTS(HERE)
    XO_STRING_VARIANTS(XO_ON_X86)
    XO_SSE2_VARIANTS(XO_ON_X86)
    XO_AVX2_VARIANTS(XO_ON_X86)
    XO_AVX512_VARIANTS(XO_ON_X86)
    XO_NEON_VARIANTS(XO_ON_ARM)
    XO_SVE_VARIANTS(ON_SVE)
};

int xo_isa_runnable(const char *isa) {
#if defined __x86_64__
    /* The compiler's run-time support asks cpuid, and by xgetbv whether the system saves the registers. */
    if (!strcmp(isa, "avx2"))
        return __builtin_cpu_supports("avx2") != 0;
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
#elif XO_COMPILES_SVE && defined __linux__
    if (!strcmp(isa, "sve"))
        return (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
#endif
    return strcmp(isa, "sve") != 0;
}

static void detect(void) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        table[i].runnable = table[i].fn != NULL && xo_isa_runnable(table[i].isa);
}

const struct xo_kernel *xo_kernels(size_t *count) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, detect);
    *count = sizeof table / sizeof table[0];
    return table;
}
