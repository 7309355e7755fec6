/* Checks copy kernels against memcmp: `check list` prints the table, `check STRIDE [NAME...]` checks every
   runnable kernel, or those named, and fails with one line that says what was wrong where.

   STRIDE thins out the offset pairs of the exhaustive check; 1 takes all 64 x 64. */
#define _GNU_SOURCE
#include "copy/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, SMALL = 1024, PAGE = 4096, LARGE = 40 * PAGE, ROOM = LARGE + 4 * PAGE, CANARY = 0xA5 };

/* A buffer between two pages that fault. */
struct guarded {
    uint8_t *begin, *end;
};

static struct guarded guarded_new(size_t size, int fill) {
    const size_t body = (size + PAGE - 1) / PAGE * PAGE;
    uint8_t *base = mmap(NULL, body + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + PAGE, body, PROT_READ | PROT_WRITE)) {
        perror("check: no memory");
        exit(2);
    }
    memset(base + PAGE, fill, body);
    return (struct guarded){base + PAGE, base + PAGE + body};
}

static uint32_t next_random(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static size_t random_below(size_t bound) { return next_random() % bound; }

/* Whether `length` bytes still hold the canary. */
static int untouched(const uint8_t *at, size_t length) {
    static uint8_t canary[LINE];
    if (!canary[0])
        memset(canary, CANARY, sizeof canary);
    return !memcmp(at, canary, length);
}

_Noreturn static void fail(const struct xo_kernel *k, const char *what, const uint8_t *dst,
                           const uint8_t *src, size_t n) {
    printf("%s: %s: n = %zu, dst %% 4096 = %zu, src %% 4096 = %zu\n", k->name, what, n, (size_t)dst % PAGE,
           (size_t)src % PAGE);
    exit(1);
}

/* One copy: its result, its return value, and up to a line before and after the destination within `room`. */
static void check_copy(const struct xo_kernel *k, struct guarded room, uint8_t *dst, const uint8_t *src,
                       size_t n) {
    const size_t before = (size_t)(dst - room.begin), after = (size_t)(room.end - dst) - n;
    const size_t low = before < LINE ? before : LINE, high = after < LINE ? after : LINE;
    if (k->fn(dst, src, n) != dst)
        fail(k, "does not return dst", dst, src, n);
    if (memcmp(dst, src, n))
        fail(k, "copied wrongly", dst, src, n);
    if (!untouched(dst - low, low))
        fail(k, "wrote before dst", dst, src, n);
    if (!untouched(dst + n, high))
        fail(k, "wrote after dst", dst, src, n);
    memset(dst, CANARY, n);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Every size up to 1024 at every pair of offsets modulo a line. */
static void check_offsets(const struct xo_kernel *k, struct guarded dst, struct guarded src,
                          unsigned stride) {
    for (unsigned pair = 0; pair < LINE * LINE; pair += stride)
        for (size_t n = 0; n <= smaller(SMALL, k->max_size); n++)
            check_copy(k, dst, dst.begin + LINE + pair / LINE, src.begin + pair % LINE, n);
}

/* Each size with one buffer against a page that faults, and the other at the offsets within a line. */
static void check_guards(const struct xo_kernel *k, struct guarded dst, struct guarded src, unsigned stride) {
    for (size_t n = 0; n <= smaller(SMALL, k->max_size); n++)
        for (size_t offset = 0; offset < LINE; offset += stride < LINE ? stride : LINE / 2) {
            uint8_t *const inner_dst = dst.begin + LINE + offset;
            const uint8_t *const inner_src = src.begin + LINE + offset;
            check_copy(k, dst, dst.begin, inner_src, n);
            check_copy(k, dst, dst.end - n, inner_src, n);
            check_copy(k, dst, inner_dst, src.begin, n);
            check_copy(k, dst, inner_dst, src.end - n, n);
        }
}

/* Larger sizes at random offsets, and those at which kernels change their shape, against pages that fault. */
static void check_large(const struct xo_kernel *k, struct guarded dst, struct guarded src) {
    for (unsigned i = 0; i < 300 && k->max_size > LARGE; i++) {
        const size_t n = SMALL + random_below(i % 4 ? 4 * PAGE : LARGE);
        check_copy(k, dst, dst.begin + random_below(PAGE), src.begin + random_below(PAGE), n);
    }
    static const int beside[] = {-1, 0, 1, LINE - 1, LINE, LINE + 1};
    for (size_t pages = 1; pages <= LARGE / PAGE && k->max_size > LARGE; pages++)
        for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
            const size_t n = pages * PAGE + (size_t)beside[i];
            check_copy(k, dst, dst.begin, src.end - n, n);
            check_copy(k, dst, dst.end - n, src.begin, n);
            check_copy(k, dst, dst.begin + 1 + random_below(LINE), src.begin + random_below(LINE), n);
        }
}

static int wanted(const struct xo_kernel *k, char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], k->name))
            return 1;
    return count == 0;
}

static void list(const struct xo_kernel *kernels, size_t count) {
    for (size_t i = 0; i < count; i++)
        printf("%s %s %d\n", kernels[i].name, kernels[i].isa, kernels[i].runnable);
}

int main(int argc, char **argv) {
    size_t count;
    const struct xo_kernel *kernels = xo_kernels(&count);
    if (argc < 2 || !strcmp(argv[1], "list")) {
        list(kernels, count);
        return 0;
    }
    const int stride = atoi(argv[1]);
    struct guarded dst = guarded_new(ROOM, CANARY), src = guarded_new(ROOM, 0);
    for (uint8_t *p = src.begin; p < src.end; p++)
        *p = (uint8_t)next_random();
    for (size_t i = 0; i < count; i++)
        if (kernels[i].runnable && wanted(&kernels[i], argv + 2, argc - 2)) {
            check_offsets(&kernels[i], dst, src, (unsigned)stride);
            check_guards(&kernels[i], dst, src, (unsigned)stride);
            check_large(&kernels[i], dst, src);
            printf("%s ok\n", kernels[i].name);
        }
    return 0;
}
