/* From instruction words to decoded instructions. */
#pragma once
#include "vm/hart.h"
#include "vm/ops.h"

/* Decodes one 32-bit instruction into `op`; `at` is its distance in bytes from the block's start. The jumps'
   and AUIPC's immediates become relative to the block. */
enum op_kind decode(uint32_t word, uint32_t at, struct op *op);
/* The 32-bit instruction that a compressed one stands for; 0 where it is illegal. */
uint32_t expand_compressed(uint16_t word);
/* True where nothing in the same block may follow this kind. */
bool ends_block(enum op_kind kind);
