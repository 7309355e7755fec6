#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Writes the flattened device tree to the end of RAM and lets harts find it in a1 from the next reset on. Where RAM
   has no room, or its end is not empty, the guest gets none. */
void fdt_place(struct vm *vm);
