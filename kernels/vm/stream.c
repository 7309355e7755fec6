/* Growing byte streams; numbers are little-endian. */
#include "vm/stream.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct stream *s, size_t size)
{
    if (s->capacity - s->size >= size)
        return true;
    size_t capacity = 2 * (s->size + size);
    uint8_t *bytes = capacity > size ? realloc(s->bytes, capacity) : NULL;
    if (!bytes)
        return false;
    s->bytes = bytes;
    s->capacity = capacity;
    return true;
}

uint8_t *stream_extend(struct stream *s, size_t size)
{
    s->failed = s->failed || !grow(s, size);
    if (s->failed)
        return NULL;
    s->size += size;
    return s->bytes + s->size - size;
}

void stream_write(struct stream *s, const void *bytes, size_t size)
{
    uint8_t *room = size ? stream_extend(s, size) : NULL;
    if (room)
        memcpy(room, bytes, size);
}

void stream_read(struct stream *s, void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (s->failed || size > s->size - s->position) {
        s->failed = true;
        memset(bytes, 0, size);
        return;
    }
    memcpy(bytes, s->bytes + s->position, size);
    s->position += size;
}

void stream_write_u64(struct stream *s, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    stream_write(s, bytes, sizeof bytes);
}

uint64_t stream_read_u64(struct stream *s)
{
    uint8_t bytes[8];
    uint64_t value = 0;
    stream_read(s, bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof bytes; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

void stream_free(struct stream *s)
{
    if (s->capacity)
        free(s->bytes);
    *s = (struct stream){0};
}
