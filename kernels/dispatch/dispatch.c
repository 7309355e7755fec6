/* The hot path: one load of the table in force, one compare, one jump for small sizes; a few compares above. */
#include "dispatch/table.h"

#include <stdatomic.h>
#include <string.h>

static const struct xo_jump_rule *class_rules(const struct xo_table *table, const void *dst, const void *src,
                                              size_t n) {
    if (n >= table->class_min) {
        const uintptr_t delta = (uintptr_t)dst - (uintptr_t)src;
        for (size_t i = 0; i < table->class_count; i++) {
            const struct xo_jump_class *class = &table->classes[i];
            if (n >= class->min_size && ((delta - class->low) & class->mask) < class->span)
                return class->rules;
        }
    }
    return table->rules;
}

static const struct xo_jump_rule *find_rule(const struct xo_table *table, const void *dst, const void *src,
                                            size_t n) {
    const struct xo_jump_rule *rule = class_rules(table, dst, src, n);
    while (n > rule->last)
        rule++;
    return rule;
}

/* Apart from xo_copy, so that small copies pay for no saved register. */
static __attribute__((noinline)) void *copy_by_rule(const struct xo_table *table, void *dst, const void *src,
                                                    size_t n) {
    return find_rule(table, dst, src, n)->fn(dst, src, n);
}

static inline void *copy(void *dst, const void *src, size_t n) {
    /* Acquire costs nothing on x86-64 and one ldar on aarch64. */
    const struct xo_table *table = atomic_load_explicit(&xo_in_force, memory_order_acquire);
    if (__builtin_expect(n > table->direct_last, 0))
        return copy_by_rule(table, dst, src, n);
    return table->direct[xo_jump_index(n)](dst, src, n);
}

void *xo_copy(void *dst, const void *src, size_t n) { return copy(dst, src, n); }

void *xo_move(void *dst, const void *src, size_t n) {
    if (__builtin_expect((n <= XO_SCALAR_MAX) | xo_disjoint(dst, src, n), 1))
        return copy(dst, src, n);
    return memmove(dst, src, n);
}

xo_copy_fn xo_copy_address(void) { return xo_copy; }

xo_copy_fn xo_move_address(void) { return xo_move; }

int xo_choose(const void *dst, const void *src, size_t n) {
    if (n <= XO_SCALAR_MAX)
        return XO_NO_KERNEL;
    return (int)find_rule(atomic_load_explicit(&xo_in_force, memory_order_acquire), dst, src, n)->kernel;
}
