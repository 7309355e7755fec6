#pragma once

struct console;

struct console *console_create(void);
void console_destroy(struct console *console);
