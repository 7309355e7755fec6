#include "timing/api.h"

/* Multiply and shift: the high half of random * bound is uniform below bound, but for a bias of bound / 2^64. */
static uint64_t below(uint64_t *state, uint64_t bound) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t mixed = (*state ^ (*state >> 33)) * 0xff51afd7ed558ccdu;
    return (uint64_t)(((unsigned __int128)mixed * bound) >> 64);
}

/* Fisher and Yates, inside out, after spreading the slots evenly over the arena. */
void xo_scatter(uint32_t *at, size_t slots, size_t slots_in_all, uint32_t pitch, uint64_t seed) {
    uint64_t state = seed;
    for (size_t i = 0; i < slots; i++) {
        const size_t place = (size_t)(((unsigned __int128)i * slots_in_all) / slots);
        const size_t other = (size_t)below(&state, i + 1);
        at[i] = at[other];
        at[other] = (uint32_t)(place * pitch);
    }
}
