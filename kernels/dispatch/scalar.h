/* Copies of 0 to 8 bytes as scalar loads and stores.

   1, 2, 4 and 8 bytes reach the destination by exactly one store of what one load gave (volatile: neither split nor
   merged), so that whoever polls an aligned word sees all of it or nothing. Every load comes before any store to the
   destination: overlap is allowed. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint16_t xo_u16 __attribute__((may_alias, aligned(1)));
typedef uint32_t xo_u32 __attribute__((may_alias, aligned(1)));
typedef uint64_t xo_u64 __attribute__((may_alias, aligned(1)));

#define XO_LOAD(type, offset) (*(const volatile type *)((const char *)src + (offset)))
#define XO_STORE(type, offset, value) (*(volatile type *)((char *)dst + (offset)) = (value))

#define XO_DEFINE_SINGLE(n, type)                                                                 \
    static inline void *xo_scalar_##n(void *dst, const void *src, size_t unused) {                \
        (void)unused;                                                                             \
        XO_STORE(type, 0, XO_LOAD(type, 0));                                                      \
        return dst;                                                                               \
    }

/* From one to almost two times the type: its first and its last bytes, which overlap. For exactly one time the second
   store goes to a place of our own instead of the destination, by a conditional move: a jump of its own for that size
   would be mispredicted at random sizes. The compiler, which would make a branch of it, must not see the choice. */
#define XO_DEFINE_ENDS(name, type)                                                                \
    static inline void *xo_scalar_##name(void *dst, const void *src, size_t n) {                  \
        const type head = XO_LOAD(type, 0);                                                       \
        const type tail = XO_LOAD(type, n - sizeof(type));                                        \
        volatile type nowhere;                                                                    \
        volatile type *end = (volatile type *)((char *)dst + n - sizeof(type));                   \
        volatile type *other = &nowhere;                                                          \
        __asm__("" : "+r"(end), "+r"(other));                                                     \
        XO_STORE(type, 0, head);                                                                  \
        *(n == sizeof(type) ? other : end) = tail;                                                \
        return dst;                                                                               \
    }

static inline void *xo_scalar_0(void *dst, const void *src, size_t unused) {
    (void)src;
    (void)unused;
    return dst;
}
XO_DEFINE_SINGLE(1, uint8_t)
XO_DEFINE_ENDS(2_to_3, xo_u16)
XO_DEFINE_ENDS(4_to_7, xo_u32)
XO_DEFINE_SINGLE(8, xo_u64)

#undef XO_DEFINE_SINGLE
#undef XO_DEFINE_ENDS
#undef XO_LOAD
#undef XO_STORE

/* Jump targets by size, 0 to 8 bytes. One indirect jump serves all of them: at random sizes it is mispredicted half as
   often as a test for small sizes with a switch behind it. */
#define XO_SCALAR_SIZES 9
#define XO_SCALAR_TARGETS                                                                         \
    xo_scalar_0, xo_scalar_1, xo_scalar_2_to_3, xo_scalar_2_to_3, xo_scalar_4_to_7,               \
        xo_scalar_4_to_7, xo_scalar_4_to_7, xo_scalar_4_to_7, xo_scalar_8

static inline size_t xo_at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

/* Whether neither range reaches into the other. */
static inline int xo_disjoint(const void *dst, const void *src, size_t n) {
    const uintptr_t to = (uintptr_t)dst, from = (uintptr_t)src;
    return (to - from >= n) & (from - to >= n);
}
