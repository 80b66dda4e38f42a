/* Included before every inside source: all symbols are within the one image, so the
 * compiler may address them directly instead of through a table. */
#pragma GCC visibility push(hidden)
