/* What every file of copy kernels shares: how a block is declared and how a variant becomes a function. */
#pragma once
#include "copy/api.h"
#include "copy/variants.h"

/* Bytes that may be read and written at any address and alias anything. */
typedef uint8_t byte;

/* A block: never a call, so that a variant compiles to straight code for its constant parameters. */
#define XO_BLOCK static inline __attribute__((always_inline))

/* Keeps the compiler from moving memory accesses across, and from turning a copy loop back into a call of memcpy. */
#define XO_BARRIER() __asm__ volatile("" ::: "memory")

/* Keeps an integer in a general register: gcc 12 would compute minima of addresses in vector registers. */
#define XO_IN_REGISTER(integer) __asm__("" : "+r"(integer))

/* The function of one row of variants.h: `body` with the row's parameters as compile-time constants.
   Aligned to a cache line, so that where the linker puts it matters less to its speed. */
#define XO_DEFINE(target, name, body, ...)                                               \
    target __attribute__((aligned(64))) void *xo_copy_##name(void *dst, const void *src, size_t n) { \
        body((byte *)dst, (const byte *)src, n, (struct xo_kernel){__VA_ARGS__});        \
        return dst;                                                                      \
    }
