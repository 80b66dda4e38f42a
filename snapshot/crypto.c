/* Keys, sealing, signatures.
 *
 * A key file is one line of text.  The secret one holds a seed from which come the key that
 * encrypts and the pair that signs; the public one holds the half that checks signatures.
 * Each snapshot has a key of its own, made from the first and a random salt, so that numbers
 * of frames are good nonces: XChaCha20-Poly1305, bound to the header's digest. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define SECRET_WORD "bailey-secret-key-1 "
#define PUBLIC_WORD "bailey-public-key-1 "

static const uint8_t context_encrypt[crypto_kdf_CONTEXTBYTES + 1] = "BlySeal1";
static const uint8_t context_sign[crypto_kdf_CONTEXTBYTES + 1] = "BlySign1";

_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == SEAL_BYTES, "seal");
_Static_assert(crypto_kdf_KEYBYTES == 32 && crypto_sign_SEEDBYTES == 32, "one seed for all");

int crypto_ready(struct snapshot_error *err)
{
    return sodium_init() < 0 ? fail(err, SNAPSHOT_SYSTEM, "randomness: the host has none") : 0;
}

int random_bytes(void *bytes, size_t len, struct snapshot_error *err)
{
    if (crypto_ready(err))
        return -1;
    randombytes_buf(bytes, len);
    return 0;
}

/* ---- key files ---- */

static int write_key(const char *path, const char *word, const uint8_t key[32], mode_t mode,
                     struct snapshot_error *err)
{
    char line[128], hex[65];

    sodium_bin2hex(hex, sizeof(hex), key, 32);
    int len = snprintf(line, sizeof(line), "%s%s\n", word, hex);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return fail_errno(err, errno, path, NULL);
    int failed = write_all(fd, line, (size_t)len) || fsync(fd) < 0 ? errno : 0;
    close(fd);
    sodium_memzero(line, sizeof(line));
    sodium_memzero(hex, sizeof(hex));
    if (!failed)
        return 0;
    unlink(path);
    return fail_errno(err, failed, path, NULL);
}

static int read_key(const char *path, const char *word, uint8_t key[32], struct snapshot_error *err)
{
    char line[128];
    struct stat st;
    size_t got = 0;

    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fail_errno(err, errno, path, NULL);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    ssize_t n = S_ISREG(st.st_mode) ? read(fd, line, sizeof(line) - 1) : 0;
    close(fd);
    if (n < 0)
        return fail_errno(err, errno, path, NULL);
    line[n] = 0;
    size_t head = strlen(word);
    bool good = strncmp(line, word, head) == 0 &&
                sodium_hex2bin(key, 32, line + head, 64, NULL, &got, NULL) == 0 && got == 32;
    sodium_memzero(line, sizeof(line));
    if (!good) {
        fail(err, SNAPSHOT_KEY, "%s: not a %s key file", path,
             strcmp(word, SECRET_WORD) == 0 ? "secret" : "public");
        fail_hint(err, "bailey snapshot keygen makes a pair: FILE and FILE.pub");
        return -1;
    }
    if (strcmp(word, SECRET_WORD) == 0 && (st.st_mode & 077)) {
        fail(err, SNAPSHOT_KEY, "%s: others may read this secret key", path);
        fail_hint(err, "chmod 600 it");
        return -1;
    }
    return 0;
}

static void signing_pair(const uint8_t seed[32], uint8_t public[32], uint8_t secret[64])
{
    uint8_t sign_seed[32];

    crypto_kdf_derive_from_key(sign_seed, 32, 2, (const char *)context_sign, seed);
    crypto_sign_seed_keypair(public, secret, sign_seed);
    sodium_memzero(sign_seed, sizeof(sign_seed));
}

int snapshot_keygen(const char *path, struct snapshot_error *err)
{
    uint8_t seed[32], public[32], secret[64];
    char public_path[4096];

    if (snprintf(public_path, sizeof(public_path), "%s.pub", path) >= (int)sizeof(public_path))
        return fail_errno(err, ENAMETOOLONG, path, NULL);
    if (random_bytes(seed, sizeof(seed), err))
        return -1;
    signing_pair(seed, public, secret);
    int rc = write_key(path, SECRET_WORD, seed, 0600, err);
    if (rc == 0 && write_key(public_path, PUBLIC_WORD, public, 0644, err)) {
        unlink(path);
        rc = -1;
    }
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

int snapshot_key_check(const char *path, struct snapshot_error *err)
{
    uint8_t seed[32];
    int rc = crypto_ready(err) ? -1 : read_key(path, SECRET_WORD, seed, err);

    sodium_memzero(seed, sizeof(seed));
    return rc;
}

/* ---- sealing ---- */

void snapshot_digest(uint8_t digest[32], const void *bytes, size_t len)
{
    crypto_generichash(digest, 32, bytes, len, NULL, 0);
}

int file_key_derive(struct file_key *key, const struct header *header, const char *key_file,
                    struct snapshot_error *err)
{
    uint8_t seed[32], master[32];

    if (crypto_ready(err) || read_key(key_file, SECRET_WORD, seed, err))
        return -1;
    crypto_kdf_derive_from_key(master, 32, 1, (const char *)context_encrypt, seed);
    crypto_generichash(key->bytes, 32, header->salt, sizeof(header->salt), master, 32);
    snapshot_digest(key->bound_to, header, sizeof(*header));
    key->used = true;
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(master, sizeof(master));
    return 0;
}

size_t seal(const struct file_key *key, uint64_t number, uint8_t *bytes, size_t len)
{
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};
    unsigned long long out;

    memcpy(nonce, &number, sizeof(number));
    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes, &out, bytes, len, key->bound_to, DIGEST_SIZE,
                                               NULL, nonce, key->bytes);
    return (size_t)out;
}

long unseal(const struct file_key *key, uint64_t number, uint8_t *bytes, size_t len)
{
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};
    unsigned long long out;

    memcpy(nonce, &number, sizeof(number));
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes, &out, NULL, bytes, len, key->bound_to,
                                                   DIGEST_SIZE, nonce, key->bytes))
        return -1;
    return (long)out;
}

/* ---- the root ---- */

void root_digest(uint8_t root[DIGEST_SIZE], const struct header *header,
                 const struct trailer *trailer)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)header, sizeof(*header));
    crypto_generichash_update(&state, (const uint8_t *)trailer, offsetof(struct trailer, root));
    crypto_generichash_final(&state, root, DIGEST_SIZE);
}

int sign_root(struct trailer *trailer, const char *key_file, struct snapshot_error *err)
{
    uint8_t seed[32], secret[64];

    if (read_key(key_file, SECRET_WORD, seed, err))
        return -1;
    signing_pair(seed, trailer->signer, secret);
    crypto_sign_detached(trailer->signature, NULL, trailer->root, DIGEST_SIZE, secret);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    return 0;
}

int check_signature(const struct trailer *trailer, const char *path, const char *signer_key_file,
                    struct snapshot_error *err)
{
    uint8_t wanted[32];

    if (signer_key_file && read_key(signer_key_file, PUBLIC_WORD, wanted, err))
        return -1;
    if (!trailer->is_signed) {
        if (signer_key_file)
            return fail(err, SNAPSHOT_SIGNATURE, "%s: the snapshot is not signed", path);
        return 0;
    }
    if (crypto_sign_verify_detached(trailer->signature, trailer->root, DIGEST_SIZE,
                                    trailer->signer))
        return fail(err, SNAPSHOT_DAMAGED, "%s: the signature does not fit the snapshot", path);
    if (signer_key_file && memcmp(wanted, trailer->signer, 32) != 0)
        return fail(err, SNAPSHOT_SIGNATURE, "%s: signed with another key than %s", path,
                    signer_key_file);
    return 0;
}
