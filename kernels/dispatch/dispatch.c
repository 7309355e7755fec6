/* The hot path: one load of the table in force, one compare and one jump for small sizes, however many rules there are
   among them; a few compares above. */
#include "dispatch/table.h"

#include <stdatomic.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Acquire costs nothing on x86-64 and one ldar on aarch64. */
INLINE const struct xo_table *in_force(void) { return atomic_load_explicit(&xo_in_force, memory_order_acquire); }

INLINE const struct xo_jump_rules *class_rules(const struct xo_table *table, const void *dst, const void *src,
                                               size_t n) {
    if (__builtin_expect(n >= table->class_min, 0)) {
        const uintptr_t delta = (uintptr_t)dst - (uintptr_t)src;
        for (size_t i = 0; i < table->class_count; i++) {
            const struct xo_jump_class *class = &table->classes[i];
            if (n >= class->min_size && ((delta - class->low) & class->mask) < class->span)
                return class->rules;
        }
    }
    return table->always;
}

/* Index within the group. Sums instead of branches: at random sizes only the jump to the kernel is mispredicted. */
INLINE size_t rule_in_group(const struct xo_jump_rules *group, size_t n) {
    return (size_t)(n > group->last[0]) + (n > group->last[1]) + (n > group->last[2]);
}

INLINE const struct xo_jump_rules *find_group(const struct xo_table *table, const void *dst, const void *src,
                                              size_t n) {
    const struct xo_jump_rules *group = class_rules(table, dst, src, n);
    while (__builtin_expect(n > group->last[XO_GROUP - 1], 0))
        group++;
    return group;
}

INLINE void *copy(void *dst, const void *src, size_t n) {
    const struct xo_table *table = in_force();
    if (__builtin_expect(n <= table->direct_last, 1))
        return table->direct[xo_at_most(n, XO_BY_SIZE)](dst, src, n);
    const struct xo_jump_rules *group = find_group(table, dst, src, n);
    return group->fn[rule_in_group(group, n)](dst, src, n);
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
    const struct xo_jump_rules *group = find_group(in_force(), dst, src, n);
    const xo_copy_fn chosen = group->fn[rule_in_group(group, n)];
    size_t count;
    const struct xo_kernel *kernels = xo_kernels(&count);
    for (size_t i = 0; i < count; i++)
        if (kernels[i].fn == chosen)
            return (int)i;
    return XO_NO_KERNEL;
}
