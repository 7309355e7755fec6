/* What the files of zero-scan kernels share: words at places of any alignment, and the samples. */
#pragma once
#include "copy/base.h"
#include "zero_scan/api.h"
#include "zero_scan/variants.h"

#define SAMPLED_FROM 256
#define SAMPLES 8

typedef uint64_t word_at __attribute__((aligned(1), may_alias));

XO_BLOCK uint64_t load_word(const byte *p) { return *(const word_at *)p; }

/* n up to a few words. */
XO_BLOCK int zero_words(const byte *p, size_t n)
{
    const byte *const end = p + n;
    if (n < sizeof(uint64_t)) {
        byte all = 0;
        while (p < end)
            all |= *p++;
        return all == 0;
    }
    for (; (size_t)(end - p) >= sizeof(uint64_t); p += sizeof(uint64_t))
        if (load_word(p))
            return 0;
    return load_word(end - sizeof(uint64_t)) == 0;
}

/* The first and the last word and some between, evenly apart: what is not zero mostly shows there. */
XO_BLOCK int zero_samples(const byte *p, size_t n)
{
    const size_t stride = (n - sizeof(uint64_t)) / (SAMPLES - 1);
    uint64_t all = load_word(p + n - sizeof(uint64_t));
    for (unsigned i = 0; i < SAMPLES - 1; i++)
        all |= load_word(p + i * stride);
    return all == 0;
}
