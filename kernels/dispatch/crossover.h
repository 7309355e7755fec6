/* Crossover for C and C++ programs: the kernels, the adaptive copy and the policy it obeys. */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#include "copy/api.h"
#include "dispatch/api.h"
#ifdef __cplusplus
}
#endif
