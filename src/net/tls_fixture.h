// For tests only: a certificate in files.

#pragma once

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static inline FILE *temporary(char path[64])
{
    snprintf(path, 64, "/tmp/omma-tls-XXXXXX");
    int fd = mkstemp(path);
    om_assert(fd >= 0);
    FILE *file = fdopen(fd, "w");
    om_assert(file);
    return file;
}

// A key and a certificate that signs itself, in files that the caller removes.
static inline void make_key_and_cert(char key_path[64], char cert_path[64])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    om_assert(key && cert);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    om_assert(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = temporary(key_path);
    om_assert(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    (void)fclose(file);
    file = temporary(cert_path);
    om_assert(PEM_write_X509(file, cert));
    (void)fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}
