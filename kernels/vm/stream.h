/* Bytes in order, written to and read from: how parts of the machine put down their state and take it up again.
   A stream that failed (no memory, or read past its end) stays failed and does nothing more. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    uint8_t *bytes;
    size_t size;      /* bytes that are there */
    size_t position;  /* of the next read */
    size_t capacity;  /* 0: the bytes are someone else's, to read only */
    bool failed;
};

void stream_write(struct stream *s, const void *bytes, size_t size);
/* Room for so many bytes at the end, to be filled before the next call; NULL where the stream has failed. */
uint8_t *stream_extend(struct stream *s, size_t size);
/* Fills `bytes`; with zeros where the stream has failed. */
void stream_read(struct stream *s, void *bytes, size_t size);
void stream_write_u64(struct stream *s, uint64_t value);
uint64_t stream_read_u64(struct stream *s);
/* Frees what was written. */
void stream_free(struct stream *s);
