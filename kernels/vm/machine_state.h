/* All of a machine but its RAM, as bytes. */
#pragma once
#include "vm/internal.h"
#include "vm/stream.h"

void machine_state_save(struct vm *vm, struct stream *to);
/* Takes over what another machine of equal configuration and devices wrote. False, with vm->error: the bytes make no
   sense here, and the machine is in no defined state. */
bool machine_state_load(struct vm *vm, struct stream *from);
/* The same, but on failure the machine is what it was before. */
bool machine_state_replace(struct vm *vm, struct stream *from);
