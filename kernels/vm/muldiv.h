/* The M extension's arithmetic, with RISC-V's answers where C has none (division by zero, overflow). */
#pragma once
#include <stdint.h>

static inline uint64_t mulhu(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }

static inline uint64_t mulh(uint64_t a, uint64_t b)
{
    return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64);
}

static inline uint64_t mulhsu(uint64_t a, uint64_t b)
{
    return mulhu(a, b) - ((int64_t)a < 0 ? b : 0);
}

static inline uint64_t div64(uint64_t a, uint64_t b)
{
    if (b == 0)
        return UINT64_MAX;
    return b == UINT64_MAX ? 0 - a : (uint64_t)((int64_t)a / (int64_t)b);
}

static inline uint64_t rem64(uint64_t a, uint64_t b)
{
    if (b == 0)
        return a;
    return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

static inline uint64_t divu64(uint64_t a, uint64_t b) { return b ? a / b : UINT64_MAX; }
static inline uint64_t remu64(uint64_t a, uint64_t b) { return b ? a % b : a; }

static inline uint64_t sign_extend(uint32_t value) { return (uint64_t)(int64_t)(int32_t)value; }

static inline uint64_t div32(uint64_t a, uint64_t b)
{
    return sign_extend((uint32_t)div64(sign_extend((uint32_t)a), sign_extend((uint32_t)b)));
}

static inline uint64_t rem32(uint64_t a, uint64_t b)
{
    return sign_extend((uint32_t)rem64(sign_extend((uint32_t)a), sign_extend((uint32_t)b)));
}

static inline uint64_t divu32(uint64_t a, uint64_t b)
{
    return sign_extend((uint32_t)b ? (uint32_t)a / (uint32_t)b : UINT32_MAX);
}

static inline uint64_t remu32(uint64_t a, uint64_t b)
{
    return sign_extend((uint32_t)b ? (uint32_t)a % (uint32_t)b : (uint32_t)a);
}
