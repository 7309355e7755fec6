/* Scrolls a striped picture over a display: draws it once, then shows it moved by some rows, again and again, in whole
   frames and in narrow columns. Answers 0 when every command succeeded. */
#include "virtio.h"

#define WIDTH 640
#define HEIGHT 400
#define FRAMES 60
#define OK 0x1100

enum { CREATE = 0x101, SET_SCANOUT = 0x103, FLUSH = 0x104, TRANSFER = 0x105, ATTACH = 0x106 };

struct header {
    uint32_t type, flags;
    uint64_t fence;
    uint32_t context, ring;
};

struct command {
    struct header header;
    uint32_t words[8];
};

static struct queue queues[2];
static uint32_t picture[2 * HEIGHT * WIDTH] __attribute__((aligned(4096)));

static int execute(uintptr_t base, uint32_t type, const uint32_t *words, uint32_t count)
{
    static struct command command;
    static struct header answer;
    command = (struct command){.header = {.type = type}};
    for (uint32_t i = 0; i < count; i++)
        command.words[i] = words[i];
    const struct part parts[] = {{&command, (uint32_t)(sizeof(struct header) + 4 * count), 0}, {&answer, sizeof answer, 1}};
    offer(base, 0, &queues[0], 0, parts, 2);
    collect(&queues[0]);
    return answer.type != OK;
}

static int show(uintptr_t base, uint32_t x, uint32_t width, uint32_t scrolled)
{
    uint32_t offset = 4 * (scrolled * WIDTH + x);
    const uint32_t transfer[] = {x, 0, width, HEIGHT, offset, 0, 1, 0}, flush[] = {x, 0, width, HEIGHT, 1, 0};
    return execute(base, TRANSFER, transfer, 8) || execute(base, FLUSH, flush, 6);
}

int main(void)
{
    uintptr_t base = find_device(DEVICE_GPU);
    if (!base)
        return 1;
    start_device(base, queues, 2);
    for (uint32_t y = 0; y < 2 * HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++)
            picture[y * WIDTH + x] = (x / 16 + y / 16) % 2 ? 0xffd08030 : y << 16 | x;
    const uint32_t create[] = {1, 2, WIDTH, HEIGHT}, scanout[] = {0, 0, WIDTH, HEIGHT, 0, 1};
    const uint32_t attach[] = {1, 1, (uint32_t)(uintptr_t)picture, (uint32_t)((uintptr_t)picture >> 32),
                               sizeof picture, 0};
    if (execute(base, CREATE, create, 4) || execute(base, ATTACH, attach, 6) || execute(base, SET_SCANOUT, scanout, 6))
        return 2;
    for (uint32_t frame = 0; frame < FRAMES; frame++)
        if (show(base, 0, WIDTH, frame * 5) || show(base, 96 + frame, 200, frame * 3))
            return 3;
    return 0;
}
