/* A policy made ready for the hot path. Built by policy.c, read by dispatch.c; immutable once published. */
#pragma once
#include "copy/api.h"
#include "dispatch/api.h"
#include "dispatch/scalar.h"

#define XO_LINE 64
#define XO_GROUP 4
#define XO_GROUPS ((XO_MAX_RULES + XO_GROUP - 1) / XO_GROUP)
/* Sizes below this have a jump target each: 2 KiB that make a policy's cuts among small sizes cost nothing. */
#define XO_BY_SIZE 257

/* A class's rules, in groups that are compared at once, a cache line each. The last group is filled up with the last
   rule. */
struct xo_jump_rules {
    size_t last[XO_GROUP];     /* the largest size it serves; SIZE_MAX in a class's last rule */
    xo_copy_fn fn[XO_GROUP];
};

struct xo_jump_class {
    uintptr_t mask, low, span;
    size_t min_size;
    const struct xo_jump_rules *rules;
};

/* What a large copy looks at lies in the first two lines, at addresses known as soon as the table's is: where the copies
   themselves fill the caches, every line in a chain of pointers is one more miss. */
struct xo_table {
    _Alignas(XO_LINE) size_t direct_last; /* sizes up to here are served by one jump through `direct` */
    size_t class_min;          /* below it no class but the last is looked at */
    size_t class_count;        /* all but the last */
    const struct xo_jump_class *classes;
    struct xo_table *next;     /* in the list of all tables ever built */
    struct xo_policy source;   /* what it was built from, a copy of its own */
    _Alignas(XO_LINE) struct xo_jump_rules always[XO_GROUPS]; /* the last class's */
    xo_copy_fn direct[XO_BY_SIZE + 1]; /* by size, and last the kernel of XO_BY_SIZE bytes and more */
};

/* Hidden: the hot path loads it without a detour through the global offset table. */
extern const struct xo_table *_Atomic xo_in_force __attribute__((visibility("hidden")));
