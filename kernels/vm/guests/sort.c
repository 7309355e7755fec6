/* Heap sort of random numbers: branches that nobody can predict. Answers 0 when they are in order. */
#include <stdint.h>

#define N 65536
static uint32_t numbers[N];

static void sift(uint32_t start, uint32_t end)
{
    for (uint32_t root = start, child; (child = 2 * root + 1) < end; root = child) {
        if (child + 1 < end && numbers[child] < numbers[child + 1])
            child++;
        if (numbers[root] >= numbers[child])
            return;
        uint32_t kept = numbers[root];
        numbers[root] = numbers[child];
        numbers[child] = kept;
    }
}

int main(void)
{
    uint32_t state = 12345;
    for (int round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < N; i++)
            numbers[i] = state = state * 1664525 + 1013904223;
        for (uint32_t i = N / 2; i-- > 0;)
            sift(i, N);
        for (uint32_t end = N - 1; end > 0; end--) {
            uint32_t kept = numbers[0];
            numbers[0] = numbers[end];
            numbers[end] = kept;
            sift(0, end);
        }
        for (uint32_t i = 1; i < N; i++)
            if (numbers[i - 1] > numbers[i])
                return 1;
    }
    return 0;
}
