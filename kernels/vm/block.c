/* The cache of decoded blocks.

   A block is straight-line code inside one page, kept under its virtual and physical address together, so that a
   change of translation only empties the table of jumps and the decoded code survives it. */
#include <stdlib.h>

#include "vm/decode.h"

#define OPS_PER_BLOCK 12
#define JUMP_ENTRIES 4096

bool cache_create(struct hart *h, uint32_t blocks)
{
    struct block_cache *c = &h->cache;
    c->capacity = blocks;
    c->op_capacity = blocks * OPS_PER_BLOCK + BLOCK_MAX_OPS + 1;
    c->bucket_mask = blocks - 1;
    c->jump_mask = JUMP_ENTRIES - 1;
    c->blocks = calloc(blocks, sizeof *c->blocks);
    c->ops = calloc(c->op_capacity, sizeof *c->ops);
    c->buckets = calloc(blocks, sizeof(struct block *));
    bool ok = c->blocks && c->ops && c->buckets;
    for (int bank = 0; bank < 4; bank++)
        if (bank != 2)
            ok = (c->jumps[bank] = calloc(JUMP_ENTRIES, sizeof(struct jump_entry))) && ok;
    if (ok)
        cache_flush(h);
    return ok;
}

void cache_destroy(struct hart *h)
{
    struct block_cache *c = &h->cache;
    free(c->blocks);
    free(c->ops);
    free(c->buckets);
    for (int bank = 0; bank < 4; bank++)
        free(c->jumps[bank]);
}

void cache_flush_jumps(struct hart *h)
{
    struct block_cache *c = &h->cache;
    for (int bank = 0; bank < 4; bank++)
        for (uint32_t i = 0; c->jumps[bank] && i <= c->jump_mask; i++)
            c->jumps[bank][i].pc = TLB_EMPTY;
}

void cache_flush(struct hart *h)
{
    struct block_cache *c = &h->cache;
    memset(c->buckets, 0, (c->bucket_mask + (size_t)1) * sizeof *c->buckets);
    c->used = c->ops_used = 0;
    c->flushes++;
    cache_flush_jumps(h);
}

static struct block **bucket(struct block_cache *c, uint64_t pc)
{
    uint64_t hash = (pc >> 1) ^ (pc >> 13);
    return &c->buckets[hash & c->bucket_mask];
}

static struct block *find(struct block_cache *c, uint64_t pc, uint64_t physical_page)
{
    for (struct block *b = *bucket(c, pc); b; b = b->next)
        if (b->pc == pc && b->physical == physical_page)
            return b;
    return NULL;
}

static void mark_code(struct hart *h, uint64_t physical)
{
    struct vm *vm = h->vm;
    uint8_t *flags = &vm->page_flags[(physical - RAM_BASE) >> PAGE_SHIFT];
    if (*flags & PAGE_CODE)
        return;
    *flags |= PAGE_CODE;
    for (uint32_t i = 0; i < vm->config.harts; i++)
        tlb_flush_kind(vm->harts[i], ACCESS_WRITE);
}

static bool is_compressed(uint16_t half) { return (half & 3) != 3; }

/* Decodes what lies at `bytes`, at most `room` of it and `limit` instructions. Instructions that do not fit whole
   are left out, so count may be 0. */
static void decode_block(struct block *b, const uint8_t *bytes, uint64_t room, uint64_t limit)
{
    uint32_t at = 0, count = 0;
    enum op_kind kind = OP_NOP;
    while (count < limit && count < BLOCK_MAX_OPS && !ends_block(kind) && at + 2 <= room) {
        uint16_t half;
        memcpy(&half, bytes + at, 2);
        uint32_t length = is_compressed(half) ? 2 : 4, word;
        if (at + length > room)
            break;
        struct op *op = &b->ops[count++];
        if (length == 2)
            word = expand_compressed(half);
        else
            memcpy(&word, bytes + at, 4);
        kind = decode(word, at, op);
        if (kind == OP_ILLEGAL)
            op->imm = (int32_t)(length == 2 ? half : word);
        op->handler = interpreter_handlers()[kind];
        at += length;
    }
    b->count = count;
    b->length = at;
    b->taken = b->fallthrough = NULL;
    b->ops[count] = (struct op){.handler = interpreter_handlers()[OP_END], .at = (uint8_t)(at / 2)};
}

/* An instruction across two pages: its halves are fetched one by one. */
static struct block *decode_across(struct hart *h, const uint8_t *first)
{
    uint8_t bytes[4];
    memcpy(bytes, first, 2);
    uint64_t physical;
    const uint8_t *second = fetch_pointer(h, h->pc + 2, &physical);
    if (!second)
        return NULL;
    memcpy(bytes + 2, second, 2);
    mark_code(h, physical);
    decode_block(&h->cache.scratch, bytes, 4, 1);
    return &h->cache.scratch;
}

static struct block *allocate(struct hart *h)
{
    struct block_cache *c = &h->cache;
    if (c->used == c->capacity || c->ops_used + BLOCK_MAX_OPS + 1 > c->op_capacity)
        cache_flush(h);
    struct block *b = &c->blocks[c->used++];
    b->ops = &c->ops[c->ops_used];
    return b;
}

static struct block *keep(struct hart *h, uint64_t physical, const uint8_t *bytes, uint64_t room)
{
    struct block_cache *c = &h->cache;
    struct block *b = allocate(h);
    decode_block(b, bytes, room, BLOCK_MAX_OPS);
    c->ops_used += b->count + 1;
    b->pc = h->pc;
    b->physical = physical >> PAGE_SHIFT;
    struct block **head = bucket(c, b->pc);
    b->next = *head;
    *head = b;
    return b;
}

static struct block *scratch(struct hart *h, const uint8_t *bytes, uint64_t room, uint64_t limit)
{
    struct block *b = &h->cache.scratch;
    b->ops = h->cache.scratch_ops;
    b->pc = h->pc;
    b->physical = UINT64_MAX;
    decode_block(b, bytes, room, limit);
    return b->count ? b : decode_across(h, bytes);
}

static void remember_jump(struct hart *h, struct block *b)
{
    struct block_cache *c = &h->cache;
    c->jumps[h->privilege][(b->pc >> 1) & c->jump_mask] = (struct jump_entry){b->pc, b};
}

struct block *block_at_pc(struct hart *h, uint64_t limit)
{
    uint64_t physical;
    const uint8_t *bytes = fetch_pointer(h, h->pc, &physical);
    if (!bytes)
        return NULL;
    mark_code(h, physical);
    bool uniform = pmp_uniform(h, physical & ~(PAGE_SIZE - 1));
    uint64_t room = uniform ? PAGE_SIZE - (h->pc & (PAGE_SIZE - 1)) : 2;
    if (room < 4)
        return scratch(h, bytes, room, limit);
    struct block *b = find(&h->cache, h->pc, physical >> PAGE_SHIFT);
    if (!b && limit >= BLOCK_MAX_OPS)
        b = keep(h, physical, bytes, room);
    if (!b || b->count > limit)
        return scratch(h, bytes, room, limit);
    remember_jump(h, b);
    return b;
}
