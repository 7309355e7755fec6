/* Writes a pattern to every part of the disk in pieces of many sizes, reads it back and compares. Answers 0 when all of
   it came back. */
#include "virtio.h"

#define SECTOR 512
#define LARGEST (128 * 1024)
#define ROUNDS 40

enum { IN = 0, OUT = 1 };

struct request {
    uint32_t type, reserved;
    uint64_t sector;
};

static struct queue queue;
static uint8_t written[LARGEST + 64], read[LARGEST + 64];

static int transfer(uintptr_t base, uint32_t type, uint64_t sector, void *bytes, uint32_t length)
{
    static struct request request;
    static uint8_t status;
    request = (struct request){type, 0, sector};
    status = 255;
    const struct part parts[] = {{&request, sizeof request, 0}, {bytes, length, type == IN}, {&status, 1, 1}};
    offer(base, 0, &queue, 0, parts, 3);
    collect(&queue);
    return status;
}

int main(void)
{
    uintptr_t base = find_device(DEVICE_BLOCK);
    if (!base)
        return 1;
    start_device(base, &queue, 1);
    uint64_t sectors = *device_register(base, 0x100) | (uint64_t)*device_register(base, 0x104) << 32;
    uint32_t state = 1;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t length = SECTOR << round % 9, shift = (uint32_t)round % 64;
        uint64_t sector = (uint64_t)round * 37 % (sectors - length / SECTOR);
        for (uint32_t i = 0; i < length; i++)
            written[shift + i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
        if (transfer(base, OUT, sector, written + shift, length) || transfer(base, IN, sector, read + 63 - shift, length))
            return 2;
        for (uint32_t i = 0; i < length; i++)
            if (written[shift + i] != read[63 - shift + i])
                return 3;
    }
    return transfer(base, IN, sectors, read, SECTOR) == 1 ? 0 : 4;
}
