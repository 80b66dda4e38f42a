/* The host's vDSO, once it lies at HOSTVDSO_BASE. */
#ifndef BAILEY_PAL_HOST_VDSO_H
#define BAILEY_PAL_HOST_VDSO_H

#include "../abi/boot.h"

/* Fills in where its functions are; 0 for what it has not.  Needs nothing of the library OS. */
void host_vdso_find(struct boot_vdso *vdso);

#endif
