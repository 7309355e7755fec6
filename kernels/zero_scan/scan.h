/* The scan, generic over the vector. Included once by each file of one ISA, which first defines
     WIDTH         bytes of a vector
     VEC           the vector's type, for which | is defined
     TARGET        the function attribute that lets the compiler use it
     any_set(v)    whether some bit of it is set */
#include "zero_scan/base.h"

#define BLOCK XO_BLOCK TARGET

typedef VEC vec_at __attribute__((aligned(1), may_alias));

BLOCK VEC load_vec(const byte *p) { return *(const vec_at *)p; }

/* Of `count` vectors, all bits that are set in some; `count` is a constant. */
BLOCK VEC gather(const byte *p, unsigned count)
{
    VEC all = load_vec(p);
    for (unsigned i = 1; i < count; i++)
        all |= load_vec(p + i * (size_t)WIDTH);
    return all;
}

BLOCK int scan(const byte *p, size_t n, struct xo_zero_kernel k)
{
    const size_t step = k.unroll * (size_t)WIDTH;
    const byte *const end = p + n;
    if (n < WIDTH)
        return zero_words(p, n);
    if (k.sampled && n >= SAMPLED_FROM && !zero_samples(p, n))
        return 0;
    for (; (size_t)(end - p) >= step; p += step)
        if (any_set(gather(p, k.unroll)))
            return 0;
    for (; (size_t)(end - p) >= WIDTH; p += WIDTH)
        if (any_set(load_vec(p)))
            return 0;
    return !any_set(load_vec(end - WIDTH)); /* the rest, with bytes that were looked at before */
}

#define DEFINE(isa, name, family, ...)                                                       \
    TARGET __attribute__((aligned(64))) int xo_zero_##name(const void *bytes, size_t n)      \
    {                                                                                        \
        return scan(bytes, n, (struct xo_zero_kernel){__VA_ARGS__});                         \
    }                                                                                        \
    TARGET __attribute__((aligned(64))) void *xo_zero_timed_##name(void *unused, const void *bytes, size_t n) \
    {                                                                                        \
        (void)unused;                                                                        \
        return (void *)(uintptr_t)scan(bytes, n, (struct xo_zero_kernel){__VA_ARGS__});      \
    }
