/* Words of eight bytes: everywhere. */
#include <stdint.h>

#define WIDTH 8
#define VEC uint64_t
#define TARGET
#define any_set(v) ((v) != 0)
#include "zero_scan/scan.h"

XO_ZERO_SCALAR(DEFINE)
