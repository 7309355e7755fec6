#pragma once
#include <stdbool.h>

#define UART_BASE 0x10000000
#define UART_IRQ 10

struct vm;

bool uart_attach(struct vm *vm);
