/* What a compiler may call though a program is freestanding. */
#include <stddef.h>

void *memset(void *bytes, int value, size_t size)
{
    unsigned char *at = bytes;
    while (size--)
        *at++ = (unsigned char)value;
    return bytes;
}

void *memcpy(void *to, const void *from, size_t size)
{
    unsigned char *at = to;
    const unsigned char *source = from;
    while (size--)
        *at++ = *source++;
    return to;
}
