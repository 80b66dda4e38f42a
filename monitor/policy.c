/* The host base is an allow-list of system directories and the working directory, minus
 * a list of private files.  Whatever is not named is hidden, so a new directory on the
 * host stays out until somebody decides otherwise. */
#include "policy.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const shown[] = {
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "etc",
    "opt",
    "nix/store",
    "gnu/store",
    "var/lib/dpkg",
    "var/lib/rpm",
    "var/cache/fontconfig",
    "run/systemd/resolve",
    "var/lib/texmf",
};

/* Private even when readable: the file or directory and everything below. */
static const char *const private_system[] = {
    "etc/shadow*",
    "etc/gshadow*",
    "etc/sudoers*",
    "etc/ssh/*key",
    "etc/ssl/private",
    "etc/letsencrypt",
    "etc/wireguard",
    "etc/openvpn",
    "etc/krb5.keytab",
    "etc/ipsec.*",
    "etc/swanctl",
    "etc/ppp",
    "etc/security/opasswd",
    "etc/NetworkManager/system-connections",
    "etc/.pwd.lock",
    "etc/docker",
    "etc/kubernetes",
    "etc/rancher",
    "etc/mysql/debian.cnf",
    "etc/polkit-1",
    "etc/cron*",
    "etc/pve",
    "etc/ceph",
};

/* Names hidden wherever they stand below the working directory. */
static const char *const private_names[] = {
    ".ssh",     ".gnupg",       ".aws",          ".azure",           ".kube",
    ".docker",  ".netrc",       ".pgpass",       ".git-credentials", ".password-store",
    ".mozilla", ".thunderbird", ".bash_history", ".python_history",  ".psql_history",
    ".lesshst", ".Xauthority",  ".vault-token",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Is path the same as or below `top`? */
static bool below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return strncmp(path, top, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* Is `path` a directory on the way to `target`? */
static bool on_the_way(const char *path, const char *target)
{
    size_t n = strlen(path);

    return *target && (n == 0 || (strncmp(path, target, n) == 0 && target[n] == '/'));
}

static bool is_private(const char *path)
{
    if (!below(path, "etc")) /* so far all of them are there */
        return false;
    for (size_t i = 0; i < COUNT(private_system); i++)
        if (fnmatch(private_system[i], path, FNM_PATHNAME | FNM_LEADING_DIR) == 0)
            return true;
    return false;
}

static bool has_private_name(const char *path)
{
    while (*path == '/')
        path++;
    while (*path) {
        size_t n = strcspn(path, "/");
        for (size_t i = 0; i < COUNT(private_names); i++)
            if (strlen(private_names[i]) == n && strncmp(path, private_names[i], n) == 0)
                return true;
        path += n + (path[n] == '/');
    }
    return false;
}

bool policy_is_home(const char *path)
{
    const char *home = getenv("HOME");

    while (home && *home == '/')
        home++;
    return !strcmp(path, "root") || fnmatch("home/*", path, FNM_PATHNAME) == 0 ||
           (home && *home && !strcmp(path, home));
}

static enum visibility in_workdir(const char *path, const char *workdir)
{
    const char *rest = path + strlen(workdir);

    if (has_private_name(rest) || (rest[0] == '/' && rest[1] == '.' && policy_is_home(workdir)))
        return POLICY_HIDDEN;
    return POLICY_WORKDIR;
}

enum visibility policy_visible(const char *path, const char *workdir)
{
    if (*workdir && below(path, workdir))
        return in_workdir(path, workdir);
    if (is_private(path))
        return POLICY_HIDDEN;
    for (size_t i = 0; i < COUNT(shown); i++)
        if (below(path, shown[i]))
            return POLICY_SYSTEM;
    for (size_t i = 0; i < COUNT(shown); i++)
        if (on_the_way(path, shown[i]))
            return POLICY_TRAVERSE;
    return on_the_way(path, workdir) ? POLICY_TRAVERSE : POLICY_HIDDEN;
}

const char *policy_shown(size_t i) { return i < COUNT(shown) ? shown[i] : NULL; }

bool policy_workdir(const char *path)
{
    static const char *const never[] = {"",      "home", "var",      "mnt",
                                        "media", "run",  "run/user", "boot"};

    for (size_t i = 0; i < COUNT(never); i++)
        if (!strcmp(path, never[i]))
            return false;
    if (below(path, "dev"))
        return below(path, "dev/shm");
    return !below(path, "proc") && !below(path, "sys");
}
