/* A load/store loop: arrays added into a third, 8 bytes at a time, inside a level-1 cache. */
#include <stdint.h>

#define N 1024
static uint64_t a[N], b[N];
static volatile uint64_t sink;

int main(void)
{
    for (uint64_t i = 0; i < N; i++)
        a[i] = i;
    for (int round = 0; round < 20000; round++) {
        for (uint64_t i = 0; i < N; i++)
            b[i] += a[i];
        __asm__ volatile("" ::: "memory");
    }
    sink = b[N - 1];
    return sink != (uint64_t)(N - 1) * 20000;
}
