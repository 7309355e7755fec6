/* A 64-bit checksum against damage and truncation; it is no signature. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_START UINT64_C(0x243f6a8885a308d3)

/* Continues `sum` over these bytes. Splitting a range elsewhere than at multiples of 32 gives another sum. */
uint64_t checksum(uint64_t sum, const void *bytes, size_t size);
