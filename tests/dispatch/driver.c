/* Runs the dispatcher under a sanitizer: `driver check` (ASan, UBSan) or `driver stress` (TSan); exits 0 if all is well. */
#include "dispatch/crossover.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 1024
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const size_t offsets[] = {0, 1, 3, 8, 15, 16, 31, 32, 33, 63};

/* A policy that changes kernel at several sizes and, from 16 bytes on, by alignment. */
struct example {
    struct xo_rule near[3], any[4];
    struct xo_class classes[2];
    struct xo_policy policy;
};

/* The `step`-th runnable kernel of any size, counted around. */
static uint32_t kernel_at(unsigned step) {
    size_t count;
    const struct xo_kernel *kernels = xo_kernels(&count);
    for (size_t i = 0;; i = (i + 1) % count)
        if (kernels[i].runnable && kernels[i].max_size == SIZE_MAX && step-- == 0)
            return (uint32_t)i;
}

static void make_example(struct example *e, unsigned step) {
    const struct xo_rule near[] = {
        {5, kernel_at(step + 3)}, {200 + step, kernel_at(step)}, {SIZE_MAX, kernel_at(step + 1)}};
    const struct xo_rule any[] = {{17 + step % 40, kernel_at(step + 2)},
                                  {64, kernel_at(step + 5)},
                                  {513, kernel_at(step + 4)},
                                  {SIZE_MAX, kernel_at(step)}};
    memcpy(e->near, near, sizeof near);
    memcpy(e->any, any, sizeof any);
    e->classes[0] = (struct xo_class){63, step % 64, 16, 16 + step, e->near, LENGTH(near)};
    e->classes[1] = (struct xo_class){0, 0, 1, 0, e->any, LENGTH(any)};
    e->policy = (struct xo_policy){e->classes, LENGTH(e->classes)};
}

static void fail(const char *what, size_t n, size_t to, size_t from) {
    fprintf(stderr, "%s: %zu bytes, offsets %zu and %zu\n", what, n, to, from);
    exit(1);
}

static void fill(unsigned char *bytes, size_t n, unsigned seed) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(i * 31 + seed * 17 + 7);
}

/* Buffers end where the copy ends: a byte too far is the sanitizer's to see, a byte before is ours. */
static void check_copy(size_t n, size_t to, size_t from) {
    unsigned char *dst = malloc(to + n + 1), *src = malloc(from + n + 1), *before = malloc(to + 1);
    fill(dst, to, 1);
    memcpy(before, dst, to);
    fill(src, from + n, 2);
    dst = realloc(dst, to + n ? to + n : 1);
    src = realloc(src, from + n ? from + n : 1);
    if (xo_copy(dst + to, src + from, n) != dst + to)
        fail("xo_copy returns another address", n, to, from);
    if (memcmp(dst + to, src + from, n) || memcmp(dst, before, to))
        fail("xo_copy copies wrong bytes", n, to, from);
    free(dst);
    free(src);
    free(before);
}

/* `to` and `from` lie in one buffer, so that the ranges overlap wherever they are closer than n. */
static void check_move(size_t n, size_t to, size_t from) {
    unsigned char bytes[LARGEST + 64], expected[LARGEST + 64];
    fill(bytes, sizeof bytes, 3);
    memcpy(expected, bytes, sizeof bytes);
    memmove(expected + to, expected + from, n);
    if (xo_move(bytes + to, bytes + from, n) != bytes + to)
        fail("xo_move returns another address", n, to, from);
    if (memcmp(bytes, expected, sizeof bytes))
        fail("xo_move moves wrong bytes", n, to, from);
}

static void check_all_sizes(void) {
    for (size_t n = 0; n <= LARGEST; n++)
        for (size_t i = 0; i < LENGTH(offsets); i++)
            for (size_t j = 0; j < LENGTH(offsets); j++) {
                check_copy(n, offsets[i], offsets[j]);
                check_move(n, offsets[i], offsets[j]);
            }
}

static void expect(enum xo_status status, enum xo_status wanted) {
    if (status == wanted)
        return;
    fprintf(stderr, "status %d (%s), not %d\n", (int)status, xo_status_text(status), (int)wanted);
    exit(1);
}

static int check(void) {
    struct example example;
    check_all_sizes();
    for (unsigned step = 0; step < 6; step++) {
        make_example(&example, step);
        expect(xo_policy_install(&example.policy), XO_OK);
        check_all_sizes();
    }
    xo_policy_reset();
    for (unsigned step = 0; step <= XO_MAX_POLICIES; step++) {
        make_example(&example, step);
        const enum xo_status status = xo_policy_install(&example.policy);
        expect(status, step < XO_MAX_POLICIES ? XO_OK : XO_POLICIES_FULL);
    }
    return 0;
}

static atomic_int stop;

static void *copy_for_long(void *seed) {
    unsigned char src[LARGEST], dst[LARGEST];
    fill(src, sizeof src, *(unsigned *)seed);
    size_t copies = 0;
    for (size_t n = *(unsigned *)seed; !atomic_load(&stop) || copies < 100; n = (n * 7 + 3) % LARGEST, copies++) {
        memset(dst, 0, n + 1);
        xo_copy(dst, src, n);
        if (memcmp(dst, src, n) || dst[n] || xo_choose(dst, src, n) < XO_NO_KERNEL)
            fail("a copy while policies change", n, 0, 0);
    }
    return NULL;
}

static void *swap_policies(void *unused) {
    (void)unused;
    struct example example;
    for (unsigned round = 0; round < 20000; round++) {
        make_example(&example, round % 40);
        expect(xo_policy_install(&example.policy), XO_OK);
        if (xo_policy_current()->class_count < 1)
            fail("the policy in force has no class", 0, 0, 0);
        if (round % 7 == 0)
            xo_policy_reset();
    }
    return NULL;
}

static int stress(void) {
    pthread_t copying[3], swapping[2];
    unsigned seeds[LENGTH(copying)];
    for (unsigned i = 0; i < LENGTH(copying); i++) {
        seeds[i] = i;
        pthread_create(&copying[i], NULL, copy_for_long, &seeds[i]);
    }
    for (size_t i = 0; i < LENGTH(swapping); i++)
        pthread_create(&swapping[i], NULL, swap_policies, NULL);
    for (size_t i = 0; i < LENGTH(swapping); i++)
        pthread_join(swapping[i], NULL);
    atomic_store(&stop, 1);
    for (size_t i = 0; i < LENGTH(copying); i++)
        pthread_join(copying[i], NULL);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "check"))
        return check();
    if (argc == 2 && !strcmp(argv[1], "stress"))
        return stress();
    fprintf(stderr, "usage: %s check | stress\n", argv[0]);
    return 2;
}
