/* Integer arithmetic in registers: a linear congruential generator, mixed. Answers 0 when the sum is right. */
#include <stdint.h>

int main(void)
{
    uint64_t state = 1, sum = 0;
    for (uint64_t i = 0; i < 20000000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        sum += (state >> 33) ^ i;
    }
    return sum == 0;
}
