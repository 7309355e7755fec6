/* A policy made ready for the hot path. Built by policy.c, read by dispatch.c; immutable once published. */
#pragma once
#include "copy/api.h"
#include "dispatch/api.h"
#include "dispatch/scalar.h"

#define XO_GROUP 4
/* Sizes below this have a jump target each: 2 KiB that make a policy's cuts among small sizes cost nothing. */
#define XO_BY_SIZE 257

/* A class's rules, in groups that are compared at once. The last group is filled up with the last rule. */
struct xo_jump_rules {
    size_t last[XO_GROUP];     /* the largest size it serves; SIZE_MAX in a class's last rule */
    xo_copy_fn fn[XO_GROUP];
    uint32_t kernel[XO_GROUP];
};

struct xo_jump_class {
    uintptr_t mask, low, span;
    size_t min_size;
    const struct xo_jump_rules *rules;
};

struct xo_table {
    size_t direct_last;        /* sizes up to here are served by one jump through `direct` */
    xo_copy_fn direct[XO_BY_SIZE + 1]; /* by size, and last the kernel of XO_BY_SIZE bytes and more */
    size_t class_min;          /* below it no class but the last is looked at */
    size_t class_count;        /* all but the last */
    const struct xo_jump_class *classes;
    const struct xo_jump_rules *rules; /* the last class's */
    struct xo_policy source;   /* what it was built from, a copy of its own */
    struct xo_table *next;     /* in the list of all tables ever built */
};

/* Hidden: the hot path loads it without a detour through the global offset table. */
extern const struct xo_table *_Atomic xo_in_force __attribute__((visibility("hidden")));
