#include "copy/api.h"

#include <string.h>

static struct xo_kernel table[] = {
    {.name = "libc", .isa = "any", .family = "libc", .max_size = SIZE_MAX, .fn = memcpy, .runnable = 1},
};

const struct xo_kernel *xo_kernels(size_t *count) {
    *count = sizeof table / sizeof table[0];
    return table;
}
