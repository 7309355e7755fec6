/* The console: what the guest has written and what it will read, as two growing byte queues. */
#include "vm/console.h"

#include <stdlib.h>

#include "vm/internal.h"
#include "vm/stream.h"

#define QUEUE_LIMIT ((size_t)64 << 20)  /* a guest that writes for ever must not eat the host's memory */

struct queue {
    uint8_t *bytes;
    size_t start, end, capacity;
};

struct console {
    struct queue output, input;
};

struct console *console_create(void) { return calloc(1, sizeof(struct console)); }

void console_destroy(struct console *c)
{
    if (!c)
        return;
    free(c->output.bytes);
    free(c->input.bytes);
    free(c);
}

static bool make_room(struct queue *q, size_t size)
{
    if (size > QUEUE_LIMIT - (q->end - q->start))
        return false;
    if (q->start && q->end + size > q->capacity) {
        memmove(q->bytes, q->bytes + q->start, q->end - q->start);
        q->end -= q->start;
        q->start = 0;
    }
    if (q->end + size <= q->capacity)
        return true;
    size_t capacity = 2 * (q->end + size);
    uint8_t *bytes = realloc(q->bytes, capacity);
    if (!bytes)
        return false;
    q->bytes = bytes;
    q->capacity = capacity;
    return true;
}

/* All of it or, where the queue is full, nothing. */
static size_t push(struct queue *q, const uint8_t *bytes, size_t size)
{
    if (size == 0 || !make_room(q, size))
        return 0;
    memcpy(q->bytes + q->end, bytes, size);
    q->end += size;
    return size;
}

static size_t pop(struct queue *q, uint8_t *bytes, size_t size)
{
    size_t n = q->end - q->start < size ? q->end - q->start : size;
    if (n)
        memcpy(bytes, q->bytes + q->start, n);
    q->start += n;
    if (q->start == q->end)
        q->start = q->end = 0;
    return n;
}

void vm_console_put(struct vm *vm, const uint8_t *bytes, size_t size) { push(&vm->console->output, bytes, size); }

int vm_console_get(struct vm *vm)
{
    uint8_t byte;
    return pop(&vm->console->input, &byte, 1) ? byte : -1;
}

size_t vm_console_pending(const struct vm *vm) { return vm->console->output.end - vm->console->output.start; }

size_t vm_console_take(struct vm *vm, uint8_t *bytes, size_t size) { return pop(&vm->console->output, bytes, size); }

size_t vm_console_feed(struct vm *vm, const uint8_t *bytes, size_t size)
{
    return push(&vm->console->input, bytes, size);
}

static void save_queue(const struct queue *q, struct stream *to)
{
    size_t size = q->end - q->start;
    stream_write_u64(to, size);
    if (size)
        stream_write(to, q->bytes + q->start, size);
}

static bool load_queue(struct queue *q, struct stream *from)
{
    uint64_t size = stream_read_u64(from);
    q->start = q->end = 0;
    if (from->failed || size > from->size - from->position || push(q, from->bytes + from->position, size) != size)
        return false;
    from->position += size;
    return true;
}

void console_save(const struct console *console, struct stream *to)
{
    save_queue(&console->output, to);
    save_queue(&console->input, to);
}

bool console_load(struct console *console, struct stream *from)
{
    return load_queue(&console->output, from) && load_queue(&console->input, from);
}
