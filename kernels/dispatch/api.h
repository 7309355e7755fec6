/* The adaptive dispatcher: a copy that obeys the policy in force.
   Read by the C compiler and by cffi: plain declarations only; include copy/api.h first. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define XO_SCALAR_MAX 8    /* copies up to here are single loads and stores, under every policy */
#define XO_NO_KERNEL -1      /* where an index stands for none */
#define XO_MAX_CLASSES 16
#define XO_MAX_RULES 32    /* a class */
#define XO_MAX_POLICIES 4096 /* different policies a process can install */

/* Sizes below `end` (and not below the previous rule's) go to a kernel; the last `end` is SIZE_MAX. */
struct xo_rule {
    size_t end;
    uint32_t kernel;       /* index into xo_kernels() */
};

/* Serves copies of `min_size` bytes or more for which ((dst - src - low) & mask) < span.
   `mask` is a power of two less one. Rules cover every size; those below `min_size` are never asked.
   The last class of a policy holds always: mask 0, low 0, span 1, min_size 0. */
struct xo_class {
    uintptr_t mask;
    uintptr_t low;
    uintptr_t span;
    size_t min_size;
    const struct xo_rule *rules;
    size_t rule_count;
};

/* The first class that holds serves the copy. */
struct xo_policy {
    const struct xo_class *classes;
    size_t class_count;
};

enum xo_status {
    XO_OK,
    XO_NO_POLICY,          /* a null pointer where a policy, its classes or a class's rules should be */
    XO_CLASS_COUNT,        /* none, or more than XO_MAX_CLASSES */
    XO_RULE_COUNT,         /* none, or more than XO_MAX_RULES */
    XO_LAST_CLASS,         /* the last class does not hold always */
    XO_PREDICATE,          /* the mask is no power of two less one, or low or span lie outside it */
    XO_ORDER,              /* ends do not ascend */
    XO_LAST_RULE,          /* the last end is not SIZE_MAX: some sizes are unserved */
    XO_KERNEL_UNKNOWN,     /* index beyond the table */
    XO_KERNEL_UNRUNNABLE,  /* this CPU or this build lacks the kernel */
    XO_KERNEL_LIMIT,       /* a size the rule serves exceeds the kernel's max_size */
    XO_POLICIES_FULL,      /* XO_MAX_POLICIES different policies have been installed */
    XO_NO_MEMORY,
};

/* memcpy under the policy in force; the ranges must not overlap. */
void *xo_copy(void *dst, const void *src, size_t n);

/* memmove under the policy in force. */
void *xo_move(void *dst, const void *src, size_t n);

/* The two functions' addresses: what cffi gives for a function is a wrapper's. */
xo_copy_fn xo_copy_address(void);
xo_copy_fn xo_move_address(void);

/* Checks a policy, copies it and puts it in force at once, also while other threads copy.
   Where it is refused, the one in force stays. */
enum xo_status xo_policy_install(const struct xo_policy *policy);

/* libc for every size, as at start. */
void xo_policy_reset(void);

/* The policy in force, valid for ever. Never NULL. */
const struct xo_policy *xo_policy_current(void);

/* One sentence about a status. */
const char *xo_status_text(enum xo_status status);

/* Which kernel xo_copy would call now: its index; XO_NO_KERNEL for the scalar sizes. */
int xo_choose(const void *dst, const void *src, size_t n);

/* Index of the kernel of this name, or XO_NO_KERNEL. */
int xo_kernel_find(const char *name);
