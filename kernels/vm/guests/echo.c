/* Sends frames of many sizes and takes them back from a card that returns what it is sent. Answers 0 when all came back
   as they were. */
#include "virtio.h"

#define HEADER 12
#define LARGEST 65536
#define FRAMES 600

enum { RECEIVE, TRANSMIT };

static struct queue queues[2];
static uint8_t sent[HEADER + LARGEST] __attribute__((aligned(4096)));
static uint8_t received[HEADER + LARGEST] __attribute__((aligned(4096)));

static int echo(uintptr_t base, uint32_t size)
{
    const struct part buffer = {received, HEADER + LARGEST, 1}, frame = {sent, HEADER + size, 0};
    offer(base, RECEIVE, &queues[RECEIVE], 0, &buffer, 1);
    offer(base, TRANSMIT, &queues[TRANSMIT], 0, &frame, 1);
    collect(&queues[TRANSMIT]);
    if (collect(&queues[RECEIVE]) != HEADER + size)
        return 2;
    for (uint32_t i = 0; i < size; i += i < 64 ? 1 : 61)
        if (sent[HEADER + i] != received[HEADER + i])
            return 3;
    return sent[HEADER + size - 1] == received[HEADER + size - 1] ? 0 : 4;
}

int main(void)
{
    static const uint32_t sizes[] = {64, 128, 590, 1500, 4096, 9000, 16384, 65535};
    uintptr_t base = find_device(DEVICE_NET);
    if (!base)
        return 1;
    start_device(base, queues, 2);
    for (uint32_t i = 0; i < LARGEST; i++)
        sent[HEADER + i] = (uint8_t)(i * 31 + (i >> 8));
    for (uint32_t i = 0; i < FRAMES; i++) {
        sent[HEADER] = (uint8_t)i;
        int failed = echo(base, sizes[i % (sizeof sizes / sizeof *sizes)]);
        if (failed)
            return failed;
    }
    return 0;
}
