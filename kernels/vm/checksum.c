/* Four lanes of multiply and rotate, so that the multiplications overlap; Murmur's finish. */
#include "vm/checksum.h"

#include <string.h>

#define LANES 4
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * MULTIPLIER;
    return lane << 31 | lane >> 33;
}

static uint64_t finish(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

uint64_t checksum(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t lanes[LANES] = {sum, sum ^ 1, sum ^ 2, sum ^ 3}, words[LANES];
    size_t left = size;
    for (; left >= sizeof words; at += sizeof words, left -= sizeof words) {
        memcpy(words, at, sizeof words);
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] = mix(lanes[i], words[i]);
    }
    memset(words, 0, sizeof words);
    if (left)
        memcpy(words, at, left);
    sum = mix(sum, size);
    for (unsigned i = 0; i < LANES; i++)
        sum = mix(sum, finish(mix(lanes[i], words[i])));
    return finish(sum);
}
