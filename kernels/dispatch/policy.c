/* Checking a policy, making a table of it and putting that in force.

   Reclamation: none, on purpose. A reader may be preempted between its load of the table and its jump for any length
   of time, and a scheme that knew when it is done (epochs, hazard pointers) would cost every copy more than the copy.
   So tables are kept for ever, but a policy that was installed before is found again instead of built again, and a
   process may install at most XO_MAX_POLICIES different ones. Swapping back and forth allocates nothing. */
#include "dispatch/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LIBC 0 /* index of libc's memcpy in xo_kernels() */

static const struct xo_rule libc_rule = {.end = SIZE_MAX, .kernel = LIBC};
static const struct xo_class libc_class = {.span = 1, .rules = &libc_rule, .rule_count = 1};
static const struct xo_table libc_table = {
    .direct_last = SIZE_MAX,
    .direct = {XO_SCALAR_TARGETS, [XO_SCALAR_SIZES ... XO_BY_SIZE] = memcpy},
    .class_min = SIZE_MAX,
    .always = {{.last = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX}, .fn = {memcpy, memcpy, memcpy, memcpy}}},
    .source = {.classes = &libc_class, .class_count = 1},
};

const struct xo_table *_Atomic xo_in_force = &libc_table;

static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
static struct xo_table *built; /* guarded by `installing` */
static unsigned built_count;

static enum xo_status check_rules(const struct xo_class *class) {
    size_t kernel_count;
    const struct xo_kernel *kernels = xo_kernels(&kernel_count);
    if (!class->rules)
        return XO_NO_POLICY;
    if (class->rule_count < 1 || class->rule_count > XO_MAX_RULES)
        return XO_RULE_COUNT;
    size_t start = 0;
    for (size_t i = 0; i < class->rule_count; i++) {
        const struct xo_rule *rule = &class->rules[i];
        if (rule->end <= start)
            return XO_ORDER;
        if (rule->kernel >= kernel_count)
            return XO_KERNEL_UNKNOWN;
        const struct xo_kernel *kernel = &kernels[rule->kernel];
        if (!kernel->fn || !kernel->runnable)
            return XO_KERNEL_UNRUNNABLE;
        if (rule->end - 1 > kernel->max_size)
            return XO_KERNEL_LIMIT;
        start = rule->end;
    }
    return start == SIZE_MAX ? XO_OK : XO_LAST_RULE;
}

static int holds_always(const struct xo_class *class) {
    return class->mask == 0 && class->low == 0 && class->span == 1 && class->min_size == 0;
}

static int is_condition(const struct xo_class *class) {
    return class->mask && !(class->mask & (class->mask + 1)) && class->low <= class->mask && class->span >= 1 &&
           class->span <= class->mask;
}

static enum xo_status check_policy(const struct xo_policy *policy) {
    if (!policy || !policy->classes)
        return XO_NO_POLICY;
    if (policy->class_count < 1 || policy->class_count > XO_MAX_CLASSES)
        return XO_CLASS_COUNT;
    const size_t last = policy->class_count - 1;
    for (size_t i = 0; i <= last; i++) {
        if (i < last && !is_condition(&policy->classes[i]))
            return XO_PREDICATE;
        const enum xo_status status = check_rules(&policy->classes[i]);
        if (status != XO_OK)
            return status;
    }
    return holds_always(&policy->classes[last]) ? XO_OK : XO_LAST_CLASS;
}

static int same_rules(const struct xo_class *a, const struct xo_class *b) {
    for (size_t i = 0; i < a->rule_count; i++)
        if (a->rules[i].end != b->rules[i].end || a->rules[i].kernel != b->rules[i].kernel)
            return 0;
    return 1;
}

static int same_policy(const struct xo_policy *a, const struct xo_policy *b) {
    if (a->class_count != b->class_count)
        return 0;
    for (size_t i = 0; i < a->class_count; i++) {
        const struct xo_class *x = &a->classes[i], *y = &b->classes[i];
        if (x->mask != y->mask || x->low != y->low || x->span != y->span || x->min_size != y->min_size ||
            x->rule_count != y->rule_count || !same_rules(x, y))
            return 0;
    }
    return 1;
}

static size_t group_count(size_t rule_count) { return (rule_count + XO_GROUP - 1) / XO_GROUP; }

/* Bytes of a table and all that it points to, in whole lines. */
static size_t table_size(const struct xo_policy *policy) {
    size_t size = sizeof(struct xo_table);
    for (size_t i = 0; i < policy->class_count; i++) {
        const size_t rules = policy->classes[i].rule_count;
        size += sizeof(struct xo_class) + rules * sizeof(struct xo_rule);
        size += sizeof(struct xo_jump_class) + group_count(rules) * sizeof(struct xo_jump_rules);
    }
    return (size + XO_LINE - 1) / XO_LINE * XO_LINE;
}

static void *carve(char **cursor, size_t bytes) {
    void *piece = *cursor;
    *cursor += bytes;
    return piece;
}

/* Fills every place of every group, the last ones with the last rule. */
static void fill_groups(struct xo_jump_rules *groups, const struct xo_rule *rules, size_t count) {
    const struct xo_kernel *kernels = xo_kernels(&(size_t){0});
    for (size_t i = 0; i < group_count(count) * XO_GROUP; i++) {
        const struct xo_rule *rule = &rules[i < count ? i : count - 1];
        struct xo_jump_rules *group = &groups[i / XO_GROUP];
        group->last[i % XO_GROUP] = rule->end == SIZE_MAX ? SIZE_MAX : rule->end - 1;
        group->fn[i % XO_GROUP] = kernels[rule->kernel].fn;
    }
}

static void copy_class(const struct xo_class *class, struct xo_class *source, struct xo_jump_class *ready,
                       char **cursor) {
    struct xo_rule *rules = carve(cursor, class->rule_count * sizeof *rules);
    struct xo_jump_rules *groups = carve(cursor, group_count(class->rule_count) * sizeof *groups);
    memcpy(rules, class->rules, class->rule_count * sizeof *rules);
    fill_groups(groups, rules, class->rule_count);
    *source = *class;
    source->rules = rules;
    *ready = (struct xo_jump_class){
        .mask = class->mask, .low = class->low, .span = class->span, .min_size = class->min_size, .rules = groups};
}

/* Smallest size above the scalar ones for which some class but the last may hold. */
static size_t smallest_class(const struct xo_class *classes, size_t count) {
    size_t smallest = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (classes[i].min_size < smallest)
            smallest = classes[i].min_size;
    return smallest > XO_SCALAR_MAX ? smallest : XO_SCALAR_MAX + 1;
}

/* One jump serves the scalar sizes, the last class's rules size by size, and behind those the rule that serves
   XO_BY_SIZE bytes; all of it as far as no other class reaches. */
static void aim_direct(struct xo_table *table) {
    const struct xo_rule *rule = table->source.classes[table->class_count].rules;
    const xo_copy_fn scalar[] = {XO_SCALAR_TARGETS};
    size_t count;
    const struct xo_kernel *kernels = xo_kernels(&count);
    memcpy(table->direct, scalar, sizeof scalar);
    for (size_t n = XO_SCALAR_SIZES; n <= XO_BY_SIZE; n++) {
        while (rule->end <= n)
            rule++;
        table->direct[n] = kernels[rule->kernel].fn;
    }
    const size_t end = rule->end < table->class_min ? rule->end : table->class_min;
    table->direct_last = end == SIZE_MAX ? SIZE_MAX : end - 1;
}

/* A table and all that it points to in one allocation, so that there is one thing to check. */
static struct xo_table *build(const struct xo_policy *policy) {
    const size_t classes = policy->class_count, last = classes - 1;
    char *cursor = aligned_alloc(XO_LINE, table_size(policy));
    if (!cursor)
        return NULL;
    memset(cursor, 0, table_size(policy));
    struct xo_table *table = carve(&cursor, sizeof *table);
    struct xo_class *source = carve(&cursor, classes * sizeof *source);
    struct xo_jump_class *ready = carve(&cursor, classes * sizeof *ready);
    for (size_t i = 0; i < classes; i++)
        copy_class(&policy->classes[i], &source[i], &ready[i], &cursor);
    table->source = (struct xo_policy){.classes = source, .class_count = classes};
    table->classes = ready;
    table->class_count = last;
    table->class_min = smallest_class(source, last);
    fill_groups(table->always, source[last].rules, source[last].rule_count);
    aim_direct(table);
    return table;
}

static struct xo_table *find_built(const struct xo_policy *policy) {
    struct xo_table *table = built;
    while (table && !same_policy(&table->source, policy))
        table = table->next;
    return table;
}

/* The policy's table, found or built. Called with `installing` held. */
static enum xo_status obtain(const struct xo_policy *policy, struct xo_table **table) {
    *table = find_built(policy);
    if (*table)
        return XO_OK;
    if (built_count == XO_MAX_POLICIES)
        return XO_POLICIES_FULL;
    *table = build(policy);
    if (!*table)
        return XO_NO_MEMORY;
    (*table)->next = built;
    built = *table;
    built_count++;
    return XO_OK;
}

enum xo_status xo_policy_install(const struct xo_policy *policy) {
    enum xo_status status = check_policy(policy);
    if (status != XO_OK)
        return status;
    pthread_mutex_lock(&installing);
    struct xo_table *table;
    status = obtain(policy, &table);
    if (status == XO_OK)
        atomic_store_explicit(&xo_in_force, table, memory_order_release);
    pthread_mutex_unlock(&installing);
    return status;
}

void xo_policy_reset(void) { atomic_store_explicit(&xo_in_force, &libc_table, memory_order_release); }

const struct xo_policy *xo_policy_current(void) {
    return &atomic_load_explicit(&xo_in_force, memory_order_acquire)->source;
}

const char *xo_status_text(enum xo_status status) {
    static const char *const texts[] = {
        [XO_OK] = "the policy is in force",
        [XO_NO_POLICY] = "the policy, its classes or a class's rules are missing",
        [XO_CLASS_COUNT] = "the policy has no class or too many",
        [XO_RULE_COUNT] = "a class has no rule or too many",
        [XO_LAST_CLASS] = "the last class does not hold always",
        [XO_PREDICATE] = "a class's mask is no power of two less one, or its low or span lie outside the mask",
        [XO_ORDER] = "a class's rules do not ascend",
        [XO_LAST_RULE] = "a class's last rule ends before the largest size",
        [XO_KERNEL_UNKNOWN] = "a rule's kernel is not in the table",
        [XO_KERNEL_UNRUNNABLE] = "this CPU cannot run a rule's kernel",
        [XO_KERNEL_LIMIT] = "a rule serves sizes that its kernel does not accept",
        [XO_POLICIES_FULL] = "too many different policies have been installed in this process",
        [XO_NO_MEMORY] = "there is no memory for the policy",
    };
    return (unsigned)status < sizeof texts / sizeof texts[0] ? texts[status] : "unknown status";
}

int xo_kernel_find(const char *name) {
    size_t count;
    const struct xo_kernel *kernels = xo_kernels(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(kernels[i].name, name) == 0)
            return (int)i;
    return XO_NO_KERNEL;
}
