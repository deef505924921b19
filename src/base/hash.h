// SHA-256 (OpenSSL behind hash.c): for pins and content addresses. MD5 only where a protocol of
// others asks for it.

#pragma once

#include <stddef.h>

#include "base/str.h"

struct om_error;

enum { OM_SHA256_BYTES = 32, OM_SHA256_TEXT_SIZE = 65 };

void om_sha256(const void *data, size_t n, unsigned char digest[OM_SHA256_BYTES]);
enum { OM_MD5_BYTES = 16 };
// False where the machine's rules forbid MD5.
OM_MUST_USE _Bool om_md5(const void *data, size_t n, unsigned char digest[OM_MD5_BYTES]);
// Lower-case hex of `n` bytes into 2n+1.
void om_hex(const unsigned char *bytes, size_t n, char *text);
// The digest of a file's content as hex; false with *err.
OM_MUST_USE _Bool om_sha256_file(const char *path, char text[OM_SHA256_TEXT_SIZE],
                                 struct om_error *err);
