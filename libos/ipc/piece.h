/* Pieces of memory for data on its way through sockets.  ipc/piece.c */
#ifndef LIBOS_IPC_PIECE_H
#define LIBOS_IPC_PIECE_H

#include "types.h"

#define PIECE_SIZE 32768u

/* PIECE_SIZE bytes, or NULL. */
void *piece_get(void);
void piece_put(void *p);

#endif
