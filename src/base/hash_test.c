#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/file.h"

// FIPS 180-2, appendix B.
static const char abc_hex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty_hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void test_memory(void)
{
    unsigned char digest[OM_SHA256_BYTES];
    char text[OM_SHA256_TEXT_SIZE];
    om_sha256("abc", 3, digest);
    om_hex(digest, sizeof(digest), text);
    om_assert(strcmp(text, abc_hex) == 0);
    om_sha256("", 0, digest);
    om_hex(digest, sizeof(digest), text);
    om_assert(strcmp(text, empty_hex) == 0);
}

static void test_file(void)
{
    char path[64], text[OM_SHA256_TEXT_SIZE];
    snprintf(path, sizeof(path), "/tmp/omma-hash-test-%d", (int)getpid());
    om_assert(om_file_write(path, OM_STR("abc"), NULL));
    om_assert(om_sha256_file(path, text, NULL) && strcmp(text, abc_hex) == 0);
    om_assert(unlink(path) == 0);
    struct om_error err = {0};
    om_assert(!om_sha256_file(path, text, &err) && err.status == OM_NOT_FOUND);
    om_assert(!om_sha256_file("/tmp", text, &err) && err.status != OM_OK);  // a folder
}

int main(void)
{
    test_memory();
    test_file();
    return 0;
}
