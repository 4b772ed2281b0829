// A machine without a system, as far as one static program needs it: from a processor's first
// instruction to 64 bits with all vectors on, and the few system calls that `every_kernel.cpp` makes.
// What the program prints goes to the printer port. All of it is a ROM of 2 MB, which ends at 4 GB: the
// program as its file is, and in the last 64 KB, which are also seen below the first MB, this.
#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

constexpr uint64_t ROM = 0xffe00000, HEAP = 64 << 20, MAPPED = 128 << 20;
constexpr uint32_t MSR_STAR = 0xc0000081, MSR_LSTAR = 0xc0000082, MSR_FS_BASE = 0xc0000100;

// The first GB and the last of four are mapped to themselves, in pages of 2 MB.
asm(R"(
    .section .reset, "ax", @progbits
    .code16
    ljmp $0xf000, $0
    .org 16

    .text
start:
    lgdtl %cs:(segments_at - start)
    movl $0x40620, %eax             # CR4: wide addresses, SSE, its exceptions, XSAVE
    movl %eax, %cr4
    movl $pages, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER: SYSCALL, 64 bits
    movl $0x101, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80000033, %eax          # CR0: paging, a numeric unit, protection
    movl %eax, %cr0
    ljmpl $8, $wide

    .balign 8
segments:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
segments_at:
    .word . - segments - 1
    .long segments

    .balign 4096
pages:
    .quad halves + 0x63
    .fill 511, 8, 0
halves:
    .quad first + 0x63, 0, 0, last + 0x63
    .fill 508, 8, 0
    .macro gigabyte number
    .set page, \number << 9
    .rept 512
    .quad page << 21 | 0xe3
    .set page, page + 1
    .endr
    .endm
first:
    gigabyte 0
last:
    gigabyte 3

    .code64
wide:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0xd, %eax                 # all state that the processor can save
    xorl %ecx, %ecx
    cpuid
    xorl %ecx, %ecx
    andl $0xe7, %eax
    xorl %edx, %edx
    xsetbv
    fninit
    movl $calls_end, %esp
    call load
    movl $arguments, %esp
    xorl %edx, %edx                 # nothing to do at the end
    jmp *%rax

called:                             # from where RCX says; the number is in RAX
    movq %rsp, callers
    movl $calls_end, %esp
    push %rcx
    push %r11
    push %rdi
    push %rsi
    push %rdx
    push %r8
    push %r9
    push %r10
    push %rbx
    push %rax
    movq %r10, %rcx
    call answer
    pop %rbx
    pop %rbx
    pop %r10
    pop %r9
    pop %r8
    pop %rdx
    pop %rsi
    pop %rdi
    popfq
    pop %rcx
    movq callers, %rsp
    jmp *%rcx

    .bss
    .balign 16
    .skip 0x10000
calls_end:
callers:
    .skip 0x100000
arguments:
    .skip 256
    .text
)");

extern "C" void* memcpy(void* to, const void* from, size_t count) {
    void* const begin = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return begin;
}
extern "C" void* memset(void* to, int value, size_t count) {
    void* const begin = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
    return begin;
}

namespace {

void out(uint16_t port, uint8_t byte) { asm volatile("outb %0, %1" ::"a"(byte), "Nd"(port)); }

void print(const char* from, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        out(0x378, from[i]);
        out(0x37a, 0x0d);  // the strobe, on and off
        out(0x37a, 0x0c);
    }
}

[[noreturn]] void stop() {
    for (char each : "Shutdown") out(0x8900, each);
    for (;;) asm volatile("hlt");
}

void set_register(uint32_t number, uint64_t value) {
    asm volatile("wrmsr" ::"c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

uint64_t heap, mapped;

// The only file, which lies in memory.
char file[1 << 16];
size_t file_size;

long write(int64_t to, const char* from, size_t count) {
    if (to < 3) return print(from, count), count;
    if (file_size + count > sizeof file) return -ENOSPC;
    memcpy(file + file_size, from, count);
    file_size += count;
    return count;
}

long read_at(char* to, size_t count, size_t at) {
    if (at >= file_size) return 0;
    if (count > file_size - at) count = file_size - at;
    memcpy(to, file + at, count);
    return count;
}

long describe(struct stat* file) {
    memset(file, 0, sizeof *file);
    file->st_mode = S_IFREG;
    file->st_size = file_size;
    return 0;
}

long map(size_t bytes) {
    const uint64_t from = MAPPED + mapped;
    mapped += (bytes + 4095) & ~4095ull;
    return from;
}

}  // namespace

extern "C" void called();
extern "C" uint64_t arguments[];

// Where the program begins, which then lies where it was linked. Its stack tells it its name, and what
// its runtime asks a system for.
extern "C" uint64_t load() {
    set_register(MSR_STAR, (uint64_t)8 << 32);  // the segment, which stays the same
    set_register(MSR_LSTAR, (uint64_t)called);
    const char* file = (const char*)ROM;
    const auto* header = (const Elf64_Ehdr*)file;
    const auto* part = (const Elf64_Phdr*)(file + header->e_phoff);
    const uint64_t words[] = {
        1, ROM, 0, 0, AT_PAGESZ, 4096, AT_PHDR, (uint64_t)part, AT_PHENT, sizeof *part, AT_PHNUM,
        header->e_phnum, AT_RANDOM, ROM, AT_NULL, 0};
    memcpy(arguments, words, sizeof words);
    for (int i = 0; i < header->e_phnum; ++i, ++part)
        if (part->p_type == PT_LOAD)
            memcpy((void*)part->p_vaddr, file + part->p_offset, part->p_filesz);
    return header->e_entry;
}

// A system call. There is one thread, and one file, in memory.
extern "C" long answer(
    int64_t a, int64_t b, int64_t c, int64_t d, int64_t, int64_t, int64_t number) {
    switch (number) {
        case SYS_write: return write(a, (const char*)b, c);
        case SYS_pread64: return read_at((char*)b, c, d);
        case SYS_memfd_create: return file_size = 0, 3;
        case SYS_fstat: return describe((struct stat*)b);
        case SYS_newfstatat: return describe((struct stat*)c);
        case SYS_brk: return heap = a ? a : heap ? heap : HEAP;
        case SYS_mmap: return map(b);
        case SYS_arch_prctl: return set_register(MSR_FS_BASE, b), 0;
        case SYS_sched_getaffinity: return memset((void*)c, 0, b), *(char*)c = 1, 8;
        case SYS_set_tid_address: return 1;
        case SYS_close: case SYS_mprotect: case SYS_munmap: case SYS_madvise: return 0;
        case SYS_exit_group: stop();
        default: return -ENOSYS;
    }
}
