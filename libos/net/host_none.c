/* No way out of the sandbox: until net/host*.c says otherwise. */
#include "inet.h"

const struct inet_host_ops *inet_host;
