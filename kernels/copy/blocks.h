/* Vector blocks, generic over the vector: head, tail, loop and their compositions.

   Included once by each file of one ISA, which first defines
     WIDTH   bytes of a vector
     VEC     the vector's type
     TARGET  the function attribute that lets the compiler use it
   and afterwards the block copy_below_vec.
   The idea of composing kernels of such blocks is that of LLVM libc's src/string/memory_utils. */
#include "copy/scalar.h"

#define BLOCK XO_BLOCK TARGET

/* n < WIDTH. */
BLOCK void copy_below_vec(byte *dst, const byte *src, size_t n);

typedef VEC vec_at __attribute__((aligned(1), may_alias));
typedef VEC vec1;

BLOCK vec1 load_vec1(const byte *src) { return *(const vec_at *)src; }
BLOCK void store_vec1(byte *dst, vec1 value) { *(vec_at *)dst = value; }

/* 2, 4 and 8 vectors are each two of half as many. Structures, for compilers keep those in registers; an
   array that an unrolled loop indexes, clang 14 keeps in memory. */
#define TWICE(count, half)                                                            \
    typedef struct {                                                                  \
        vec##half low, high;                                                          \
    } vec##count;                                                                     \
    BLOCK vec##count load_vec##count(const byte *src) {                               \
        return (vec##count){load_vec##half(src), load_vec##half(src + half * WIDTH)}; \
    }                                                                                 \
    BLOCK void store_vec##count(byte *dst, vec##count value) {                        \
        store_vec##half(dst, value.low);                                              \
        store_vec##half(dst + half * WIDTH, value.high);                              \
    }

/* copy_vec: so many vectors. copy_ends: the first and the last so many, which may overlap: n from one to two
   times that. Both load all before they store any. */
#define COPY(count)                                                                       \
    BLOCK void copy_vec##count(byte *dst, const byte *src) {                              \
        const vec##count value = load_vec##count(src);                                    \
        XO_BARRIER();                                                                     \
        store_vec##count(dst, value);                                                     \
    }                                                                                     \
    BLOCK void copy_ends_vec##count(byte *dst, const byte *src, size_t n) {               \
        const size_t last = n - count * WIDTH;                                            \
        const vec##count head = load_vec##count(src), tail = load_vec##count(src + last); \
        XO_BARRIER();                                                                     \
        store_vec##count(dst, head);                                                      \
        store_vec##count(dst + last, tail);                                               \
    }

TWICE(2, 1)
TWICE(4, 2)
TWICE(8, 4)
COPY(1)
COPY(2)
COPY(4)
COPY(8)

/* One step of a loop; `unroll` is a compile-time constant. */
BLOCK void copy_step(byte *dst, const byte *src, unsigned unroll) {
    switch (unroll) {
    case 1: copy_vec1(dst, src); break;
    case 2: copy_vec2(dst, src); break;
    case 4: copy_vec4(dst, src); break;
    default: copy_vec8(dst, src);
    }
}

/* n up to twice `unroll` vectors: no loop, every class of sizes the two ends of one shape. */
BLOCK void copy_short(byte *dst, const byte *src, size_t n, unsigned unroll) {
    if (n < WIDTH)
        copy_below_vec(dst, src, n);
    else if (unroll == 1 || n <= 2 * WIDTH)
        copy_ends_vec1(dst, src, n);
    else if (unroll == 2 || n <= 4 * WIDTH)
        copy_ends_vec2(dst, src, n);
    else if (unroll == 4 || n <= 8 * WIDTH)
        copy_ends_vec4(dst, src, n);
    else
        copy_ends_vec8(dst, src, n);
}

/* The first vector; returns after how many bytes dst is aligned, 1 to WIDTH. */
BLOCK size_t align_head(byte *dst, const byte *src) {
    copy_vec1(dst, src);
    return WIDTH - (uintptr_t)dst % WIDTH;
}

/* The last vector before the ends; returns how many bytes before its end dst is aligned, 1 to WIDTH. */
BLOCK size_t align_tail(byte *dst_end, const byte *src_end) {
    copy_vec1(dst_end - WIDTH, src_end - WIDTH);
    return ((uintptr_t)dst_end - 1) % WIDTH + 1;
}

/* Low to high addresses: [aligning head,] loop of `unroll` vectors, the last `unroll` vectors. */
BLOCK void loop_forward(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = k.unroll * (size_t)WIDTH;
    if (n <= 2 * step) {
        copy_short(dst, src, n, k.unroll);
        return;
    }
    const size_t last = n - step;
    size_t at = k.aligned ? align_head(dst, src) : 0;
    do {
        copy_step(dst + at, src + at, k.unroll);
        at += step;
    } while (at < last);
    copy_step(dst + last, src + last, k.unroll);
}

/* High to low addresses, the mirror image of loop_forward. Where dst lies a little above src modulo a page,
   the forward loop's loads wait for stores with which they share the low twelve address bits; here they do
   not. */
BLOCK void loop_backward(byte *dst, const byte *src, size_t n, struct xo_kernel k) {
    const size_t step = k.unroll * (size_t)WIDTH;
    if (n <= 2 * step) {
        copy_short(dst, src, n, k.unroll);
        return;
    }
    size_t left = k.aligned ? n - align_tail(dst + n, src + n) : n;
    do {
        left -= step;
        copy_step(dst + left, src + left, k.unroll);
    } while (left > step);
    copy_step(dst, src, k.unroll);
}
