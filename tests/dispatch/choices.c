/* Prints which kernel crossover_copy calls, for lines of `dst src n`. The kernels only say their names. */
#include "thresholds.h"

#include <stdio.h>

static const char *called;

#define DEFINE(name)                                                                              \
    void *xo_copy_##name(void *dst, const void *src, size_t n) {                                  \
        (void)src;                                                                                \
        (void)n;                                                                                  \
        called = #name;                                                                           \
        return dst;                                                                               \
    }
CROSSOVER_KERNELS(DEFINE)

int main(void) {
    static char source[XO_SCALAR_MAX], target[XO_SCALAR_MAX];
    size_t dst, src, n;
    while (scanf("%zu %zu %zu", &dst, &src, &n) == 3) {
        called = "scalar";
        if (n <= XO_SCALAR_MAX)
            crossover_copy(target, source, n);
        else
            crossover_copy((void *)dst, (const void *)src, n);
        puts(called);
    }
    return 0;
}
