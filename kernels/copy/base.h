/* What every file of copy kernels shares: how a block is declared, and how a variant becomes a function. */
#pragma once
#include "copy/api.h"
#include "copy/variants.h"

typedef uint8_t byte;

/* Whether a CPU that executes this code can run the instruction set, given that it is compiled here. */
int xo_isa_runnable(const char *isa);

/* A block: never a call, so that a variant compiles to straight code for its constant parameters. */
#define XO_BLOCK static inline __attribute__((always_inline))

/* Keeps the compiler from moving accesses across, and from turning a copy loop back into a call of memcpy. */
#define XO_BARRIER() __asm__ volatile("" ::: "memory")

/* Keeps an integer in a general register: gcc 12 would compute minima of addresses in vector registers. */
#define XO_IN_REGISTER(integer) __asm__("" : "+r"(integer))

/* Whether the compiler makes SVE code of single functions; older ones want it for the whole file. */
#if !defined __aarch64__
#define XO_COMPILES_SVE 0
#elif defined __ARM_FEATURE_SVE
#define XO_COMPILES_SVE 1
#elif defined __clang__
#define XO_COMPILES_SVE (__clang_major__ >= 17)
#else
#define XO_COMPILES_SVE (__GNUC__ >= 10)
#endif

/* A table's rows of an architecture: by the table's own HERE where this build compiles for it, else by its ELSEWHERE. */
#if defined __x86_64__
#define XO_ON_X86 HERE
#define XO_ON_ARM ELSEWHERE
#elif defined __aarch64__
#define XO_ON_X86 ELSEWHERE
#define XO_ON_ARM HERE
#else
#define XO_ON_X86 ELSEWHERE
#define XO_ON_ARM ELSEWHERE
#endif

/* The function of one row of variants.h: `body` with the row's parameters as compile-time constants, for the
   instruction set that TARGET enables. Aligned to a cache line, so that its place matters less. */
#define XO_DEFINE(isa, name, family, body, max_size, ...)                         \
    TARGET __attribute__((aligned(64)))                                           \
    void *xo_copy_##name(void *dst, const void *src, size_t n) {                  \
        body((byte *)dst, (const byte *)src, n, (struct xo_kernel){__VA_ARGS__}); \
        return dst;                                                               \
    }
