#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"

void om_sha256(const void *data, size_t n, unsigned char digest[OM_SHA256_BYTES])
{
    om_assert(EVP_Digest(data, n, digest, NULL, EVP_sha256(), NULL) == 1);
}

_Bool om_md5(const void *data, size_t n, unsigned char digest[OM_MD5_BYTES])
{
    return EVP_Digest(data, n, digest, NULL, EVP_md5(), NULL) == 1;
}

void om_hex(const unsigned char *bytes, size_t n, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n] = '\0';
}

static bool digest_file(FILE *file, unsigned char digest[OM_SHA256_BYTES])
{
    char chunk[16384];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    om_assert(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        om_assert(EVP_DigestUpdate(ctx, chunk, n) == 1);
    om_assert(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
    EVP_MD_CTX_free(ctx);
    return !ferror(file);
}

_Bool om_sha256_file(const char *path, char text[OM_SHA256_TEXT_SIZE], struct om_error *err)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", path, om_errno_text(errno));
        return false;
    }
    unsigned char digest[OM_SHA256_BYTES];
    bool is_read = digest_file(file, digest);
    (void)fclose(file);
    if (!is_read) {
        om_error_set(err, OM_INTERNAL, "%s: cannot be read", path);
        return false;
    }
    om_hex(digest, sizeof(digest), text);
    return true;
}
