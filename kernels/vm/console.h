#pragma once
#include <stdbool.h>

struct console;
struct stream;

struct console *console_create(void);
void console_destroy(struct console *console);
void console_save(const struct console *console, struct stream *to);
bool console_load(struct console *console, struct stream *from);
