/* Copies of 0 to 8 bytes as scalar loads and stores.

   1, 2, 4 and 8 bytes are exactly one load and one store (volatile: neither split, merged nor repeated), so that
   whoever polls an aligned word sees all of it or nothing. Every load comes before any store: overlap is allowed. */
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

/* A head and a tail; for 7 bytes they overlap. */
#define XO_DEFINE_PAIR(n, head_type, tail_type)                                                   \
    static inline void *xo_scalar_##n(void *dst, const void *src, size_t unused) {                \
        (void)unused;                                                                             \
        const head_type head = XO_LOAD(head_type, 0);                                             \
        const tail_type tail = XO_LOAD(tail_type, n - sizeof(tail_type));                         \
        XO_STORE(head_type, 0, head);                                                             \
        XO_STORE(tail_type, n - sizeof(tail_type), tail);                                         \
        return dst;                                                                               \
    }

static inline void *xo_scalar_0(void *dst, const void *src, size_t unused) {
    (void)src;
    (void)unused;
    return dst;
}
XO_DEFINE_SINGLE(1, uint8_t)
XO_DEFINE_SINGLE(2, xo_u16)
XO_DEFINE_PAIR(3, xo_u16, uint8_t)
XO_DEFINE_SINGLE(4, xo_u32)
XO_DEFINE_PAIR(5, xo_u32, uint8_t)
XO_DEFINE_PAIR(6, xo_u32, xo_u16)
XO_DEFINE_PAIR(7, xo_u32, xo_u32)
XO_DEFINE_SINGLE(8, xo_u64)

#undef XO_DEFINE_SINGLE
#undef XO_DEFINE_PAIR
#undef XO_LOAD
#undef XO_STORE

/* Jump targets by size: 0 to 8 bytes, and `longer` for everything above. One indirect jump serves all of them: at
   random sizes it is mispredicted half as often as a test for small sizes with a switch behind it. */
#define XO_JUMPS 10
#define XO_JUMP_TARGETS(longer)                                                                   \
    {xo_scalar_0, xo_scalar_1, xo_scalar_2, xo_scalar_3, xo_scalar_4,                             \
     xo_scalar_5, xo_scalar_6, xo_scalar_7, xo_scalar_8, (longer)}

static inline size_t xo_jump_index(size_t n) { return n < XO_JUMPS - 1 ? n : XO_JUMPS - 1; }

/* Whether neither range reaches into the other. */
static inline int xo_disjoint(const void *dst, const void *src, size_t n) {
    const uintptr_t to = (uintptr_t)dst, from = (uintptr_t)src;
    return (to - from >= n) & (from - to >= n);
}
