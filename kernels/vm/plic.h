#pragma once
#include <stdbool.h>

#define PLIC_SOURCES 32  /* lines 1 to 31; 0 is none */

struct vm;

bool plic_attach(struct vm *vm);
