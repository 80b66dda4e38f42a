#include "digest.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 18)

int digest_file(int fd, char text[DIGEST_TEXT])
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES], *buffer = malloc(PIECE);
    int rc = buffer ? 0 : -ENOMEM;
    ssize_t n = 1;

    crypto_hash_sha256_init(&state);
    for (off_t at = 0; rc == 0 && n != 0; at += n) {
        do
            n = pread(fd, buffer, PIECE, at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            rc = -errno;
        else
            crypto_hash_sha256_update(&state, buffer, (unsigned long long)n);
    }
    free(buffer);
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(text, DIGEST_TEXT, digest, sizeof(digest));
    return rc;
}

bool digest_is(const char *text)
{
    return strlen(text) == DIGEST_TEXT - 1 && text[strspn(text, "0123456789abcdef")] == 0;
}
