/* The ELF loader. Nothing in the file is believed before it is checked. */
#include "vm/elf.h"

#include <elf.h>
#include <stdlib.h>

#include "vm/fdt.h"
#include "vm/internal.h"

#ifndef EM_RISCV
#define EM_RISCV 243
#endif
#define MAX_SEGMENTS 256

struct image {
    const uint8_t *bytes;
    size_t size;
    Elf64_Ehdr header;
};

struct elf_symbols {
    Elf64_Sym *symbols;
    size_t count;
    char *names;  /* ends with a NUL */
    size_t names_size;
};

static bool inside(const struct image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->size && length <= image->size - offset;
}

static bool reject(struct vm *vm, const char *why)
{
    vm_fail(vm, "the file cannot be loaded: %s", why);
    return false;
}

static bool check_header(struct vm *vm, struct image *image)
{
    const uint8_t *id = image->bytes;
    if (image->size < SELFMAG || memcmp(id, ELFMAG, SELFMAG) != 0)
        return reject(vm, "it is no ELF file");
    if (image->size < EI_NIDENT)
        return reject(vm, "it is truncated");
    if (id[EI_CLASS] != ELFCLASS64)
        return reject(vm, "it is a 32-bit ELF file; build it for rv64 (-march=rv64imac)");
    if (id[EI_DATA] != ELFDATA2LSB)
        return reject(vm, "it is big-endian; build it little-endian");
    if (image->size < sizeof image->header)
        return reject(vm, "its header is truncated");
    memcpy(&image->header, image->bytes, sizeof image->header);
    if (image->header.e_machine != EM_RISCV)
        return reject(vm, "it is for another machine than RISC-V");
    if (image->header.e_type != ET_EXEC && image->header.e_type != ET_DYN)
        return reject(vm, "it is no executable; link it");
    if (image->header.e_phnum == 0 || image->header.e_phentsize != sizeof(Elf64_Phdr))
        return reject(vm, "it has no program headers of the right size");
    if (image->header.e_phnum > MAX_SEGMENTS)
        return reject(vm, "it has more than 256 program headers");
    if (!inside(image, image->header.e_phoff, (uint64_t)image->header.e_phnum * sizeof(Elf64_Phdr)))
        return reject(vm, "its program headers lie past its end");
    return true;
}

static Elf64_Phdr segment_at(const struct image *image, unsigned i)
{
    Elf64_Phdr segment;
    memcpy(&segment, image->bytes + image->header.e_phoff + i * sizeof segment, sizeof segment);
    return segment;
}

static bool loadable(const Elf64_Phdr *s) { return s->p_type == PT_LOAD && s->p_memsz > 0; }

static bool check_segment(struct vm *vm, const struct image *image, unsigned i)
{
    Elf64_Phdr s = segment_at(image, i);
    if (s.p_filesz > s.p_memsz || !inside(image, s.p_offset, s.p_filesz)) {
        vm_fail(vm, "the file cannot be loaded: segment %u lies past the file's end or is longer there than in memory", i);
        return false;
    }
    uint64_t offset = s.p_paddr - RAM_BASE;
    if (s.p_paddr < RAM_BASE || offset > vm->ram_size || s.p_memsz > vm->ram_size - offset) {
        vm_fail(vm, "the file cannot be loaded: segment %u (0x%llx, %llu bytes) is outside RAM, which is %llu MiB at 0x%llx;"
                " link it there or give the machine more RAM", i, (unsigned long long)s.p_paddr,
                (unsigned long long)s.p_memsz, (unsigned long long)(vm->ram_size >> 20), (unsigned long long)RAM_BASE);
        return false;
    }
    for (unsigned j = 0; j < i; j++) {
        Elf64_Phdr other = segment_at(image, j);
        if (loadable(&other) && s.p_paddr < other.p_paddr + other.p_memsz && other.p_paddr < s.p_paddr + s.p_memsz) {
            vm_fail(vm, "the file cannot be loaded: segments %u and %u overlap", j, i);
            return false;
        }
    }
    return true;
}

static bool check_segments(struct vm *vm, const struct image *image)
{
    bool any = false;
    for (unsigned i = 0; i < image->header.e_phnum; i++) {
        Elf64_Phdr s = segment_at(image, i);
        if (!loadable(&s))
            continue;
        if (!check_segment(vm, image, i))
            return false;
        any = true;
    }
    return any || reject(vm, "it has nothing to load");
}

static void copy_segments(struct vm *vm, const struct image *image)
{
    for (unsigned i = 0; i < image->header.e_phnum; i++) {
        Elf64_Phdr s = segment_at(image, i);
        if (!loadable(&s))
            continue;
        uint8_t *to = vm_ram_at(vm, s.p_paddr, s.p_memsz, ACCESS_WRITE);
        if (s.p_filesz)
            memcpy(to, image->bytes + s.p_offset, s.p_filesz);
        memset(to + s.p_filesz, 0, s.p_memsz - s.p_filesz);
    }
}

/* The entry is virtual; segments tell where that is before translation is on. */
static uint64_t physical_entry(const struct image *image)
{
    uint64_t entry = image->header.e_entry;
    for (unsigned i = 0; i < image->header.e_phnum; i++) {
        Elf64_Phdr s = segment_at(image, i);
        if (loadable(&s) && entry >= s.p_vaddr && entry - s.p_vaddr < s.p_memsz)
            return entry - s.p_vaddr + s.p_paddr;
    }
    return entry;
}

static bool section_at(const struct image *image, uint64_t i, Elf64_Shdr *section)
{
    uint64_t offset = image->header.e_shoff + i * sizeof *section;
    if (i >= image->header.e_shnum || image->header.e_shentsize != sizeof *section || image->header.e_shoff == 0
        || offset < image->header.e_shoff || !inside(image, offset, sizeof *section))
        return false;
    memcpy(section, image->bytes + offset, sizeof *section);
    return inside(image, section->sh_offset, section->sh_type == SHT_NOBITS ? 0 : section->sh_size);
}

static bool find_symbol_table(const struct image *image, Elf64_Shdr *table, Elf64_Shdr *names)
{
    for (uint64_t i = 0; i < image->header.e_shnum; i++)
        if (section_at(image, i, table) && table->sh_type == SHT_SYMTAB)
            return section_at(image, table->sh_link, names) && names->sh_type == SHT_STRTAB && names->sh_size > 0;
    return false;
}

/* Symbols are a convenience: a file whose symbols are malformed loads without them. */
static struct elf_symbols *read_symbols(const struct image *image)
{
    Elf64_Shdr table, names;
    struct elf_symbols *s = calloc(1, sizeof *s);
    if (!s || !find_symbol_table(image, &table, &names))
        return s;
    s->symbols = malloc(table.sh_size + 1);
    s->names = malloc(names.sh_size + 1);
    if (!s->symbols || !s->names)
        return s;
    s->count = table.sh_size / sizeof *s->symbols;
    s->names_size = names.sh_size;
    memcpy(s->symbols, image->bytes + table.sh_offset, table.sh_size);
    memcpy(s->names, image->bytes + names.sh_offset, names.sh_size);
    s->names[names.sh_size] = 0;
    return s;
}

void elf_symbols_destroy(struct elf_symbols *s)
{
    if (!s)
        return;
    free(s->symbols);
    free(s->names);
    free(s);
}

uint64_t elf_symbol(const struct elf_symbols *s, const char *name)
{
    for (size_t i = 0; s && i < s->count; i++)
        if (s->symbols[i].st_name < s->names_size && strcmp(s->names + s->symbols[i].st_name, name) == 0)
            return s->symbols[i].st_value;
    return 0;
}

bool elf_load(struct vm *vm, const uint8_t *bytes, size_t size, uint64_t *entry)
{
    struct image image = {.bytes = bytes, .size = size};
    if (!check_header(vm, &image) || !check_segments(vm, &image))
        return false;
    copy_segments(vm, &image);
    elf_symbols_destroy(vm->symbols);
    vm->symbols = read_symbols(&image);
    *entry = physical_entry(&image);
    return true;
}

uint64_t vm_symbol(const struct vm *vm, const char *name) { return elf_symbol(vm->symbols, name); }

int vm_load_elf(struct vm *vm, const uint8_t *image, size_t size, enum vm_mode mode)
{
    uint64_t entry;
    vm->error[0] = 0;
    if (!elf_load(vm, image, size, &entry))
        return -1;
    vm->tohost = vm_symbol(vm, "tohost");
    vm->fromhost = vm_symbol(vm, "fromhost");
    fdt_place(vm);
    vm_reset(vm, entry, mode);
    return 0;
}
