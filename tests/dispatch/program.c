/* A foreign program: copies with thresholds as constants and with the policy in force, and checks both. */
#include "thresholds.h"
#include "crossover.h"

#include <stdio.h>
#include <string.h>

#define LENGTH 6000

typedef void *(*copy_fn)(void *dst, const void *src, size_t n);

static void *inline_copy(void *dst, const void *src, size_t n) { return crossover_copy(dst, src, n); }
static void *inline_move(void *dst, const void *src, size_t n) { return crossover_move(dst, src, n); }

static int copies(copy_fn copy) {
    static char src[LENGTH], dst[LENGTH + 16];
    for (size_t i = 0; i < LENGTH; i++)
        src[i] = (char)(i * 7);
    for (size_t n = 0; n < LENGTH; n++) {
        memset(dst, 0, sizeof dst);
        if (copy(dst + 12, src, n) != dst + 12 || memcmp(dst + 12, src, n) || dst[11] || dst[12 + n])
            return 0;
    }
    return 1;
}

static int moves(copy_fn move) {
    static char moved[LENGTH], expected[LENGTH];
    for (size_t n = 0; n < LENGTH - 7; n++) {
        for (size_t i = 0; i < LENGTH; i++)
            moved[i] = expected[i] = (char)(i * 7);
        move(moved + 7, moved, n);
        memmove(expected + 7, expected, n);
        if (memcmp(moved, expected, LENGTH))
            return 0;
    }
    return 1;
}

int main(void) {
    const int kernel = xo_kernel_find("portable");
    const struct xo_rule rules[] = {{65, (uint32_t)kernel}, {SIZE_MAX, 0}};
    const struct xo_class classes[] = {{0, 0, 1, 0, rules, 2}};
    const struct xo_policy policy = {classes, 1};
    if (xo_policy_install(&policy) != XO_OK || xo_choose(NULL, NULL, 64) != kernel)
        return 1;
    if (!copies(inline_copy) || !copies(xo_copy) || !moves(inline_move) || !moves(xo_move))
        return 2;
    char eight[8] = "", text[] = "7 bytes";
    crossover_copy(eight, text, 8);
    puts(strcmp(eight, text) ? "wrong" : CROSSOVER_MACHINE_KEY);
    return 0;
}
