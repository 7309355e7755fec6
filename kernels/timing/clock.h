/* The clock of every measurement. */
#pragma once
#include <time.h>

static inline double xo_now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}
