/* ELF64 files for RISC-V. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct elf_symbols;

/* Copies the segments into RAM and keeps the symbols; false: vm_error says what is wrong with the file. */
bool elf_load(struct vm *vm, const uint8_t *image, size_t size, uint64_t *entry);
void elf_symbols_destroy(struct elf_symbols *symbols);
/* The symbol's value, or 0. */
uint64_t elf_symbol(const struct elf_symbols *symbols, const char *name);
